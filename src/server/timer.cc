#include "server/timer.h"

#include <algorithm>
#include <chrono>

namespace strongroom::server {

Timer::Timer(std::chrono::milliseconds shortest,
             std::chrono::milliseconds longest,
             std::function<std::chrono::milliseconds()> task)
    : shortest_(shortest), longest_(longest), task_(std::move(task)) {
  thread_ = std::thread([this] { Run(); });
}

Timer::~Timer() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void Timer::Run() {
  while (true) {
    auto wait = std::clamp(task_(), shortest_, longest_);
    auto until = std::chrono::steady_clock::now() + wait;
    MutexLock lock(mutex_);
    while (!ending_ && changed_.WaitUntil(mutex_, until)) {
    }
    if (ending_) return;
  }
}

}  // namespace strongroom::server
