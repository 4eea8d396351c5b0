#include "server/timer.h"

#include <algorithm>
#include <chrono>

namespace strongroom::server {
namespace {

// Wall time can be set, so a long sleep is never trusted. The floor keeps a
// task that fails at once from spinning.
constexpr std::chrono::seconds kLongest(60);
constexpr std::chrono::seconds kShortest(1);

}  // namespace

Timer::Timer(const Clock& clock, std::function<WallTime()> task)
    : clock_(clock), task_(std::move(task)) {
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
    WallTime next = task_();
    auto wait = std::clamp<WallTime::duration>(next - clock_.Now(), kShortest,
                                               kLongest);
    auto until = std::chrono::steady_clock::now() + wait;
    MutexLock lock(mutex_);
    while (!ending_ && changed_.WaitUntil(mutex_, until)) {
    }
    if (ending_) return;
  }
}

}  // namespace strongroom::server
