// Timer: one thread that runs a task when the task asked for, and at least once
// a minute.
#pragma once

#include <functional>
#include <thread>

#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"

namespace strongroom::server {

class Timer {
 public:
  // `task` gives when to run next; it starts at once.
  Timer(const Clock& clock, std::function<WallTime()> task);
  // Waits for the task if it runs.
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  void Run() SR_EXCLUDES(mutex_);

  const Clock& clock_;
  const std::function<WallTime()> task_;
  Mutex mutex_;
  CondVar changed_;
  bool ending_ SR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace strongroom::server
