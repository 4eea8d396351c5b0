// WorkerPool: a few threads for calls that block, so that the threads which
// poll the network never do.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "strongroom/base/mutex.h"

namespace strongroom::edge {

// WorkerPool is thread-safe. Its destructor runs what was accepted, then ends.
class WorkerPool {
 public:
  WorkerPool(int threads, size_t queue_limit);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Submit queues `work`, or is false at once if `queue_limit` wait already.
  bool Submit(std::function<void()> work) SR_EXCLUDES(mutex_);

 private:
  void Work() SR_EXCLUDES(mutex_);

  const size_t queue_limit_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> queue_ SR_GUARDED_BY(mutex_);
  bool ending_ SR_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace strongroom::edge
