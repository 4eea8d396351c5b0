// Timer: one thread that runs a task again and again, after the time the task
// asked for.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "strongroom/base/mutex.h"

namespace strongroom::server {

class Timer {
 public:
  // `task` gives how long to wait before it runs again, which is held to
  // [shortest, longest]: wall time can be set, so a long sleep is never
  // trusted, and a task that fails at once must not spin. It starts at once.
  Timer(std::chrono::milliseconds shortest, std::chrono::milliseconds longest,
        std::function<std::chrono::milliseconds()> task);
  // Waits for the task if it runs.
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  void Run() SR_EXCLUDES(mutex_);

  const std::chrono::milliseconds shortest_;
  const std::chrono::milliseconds longest_;
  const std::function<std::chrono::milliseconds()> task_;
  Mutex mutex_;
  CondVar changed_;
  bool ending_ SR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace strongroom::server
