// What it costs to hand work to a thread that sleeps: what a request which
// comes alone pays to get to the thread of the token, on this machine.
//
// Prints JSON: the median time from the signal of one thread until another,
// which slept for it, runs.
#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"

namespace strongroom::bench {
namespace {

constexpr int kTimes = 3000;
// As long as a request alone leaves its thread asleep.
constexpr std::chrono::microseconds kPause{150};

class Handoff {
 public:
  double MedianMicroseconds() {
    std::thread sleeper([this] { Sleep(); });
    std::vector<SteadyTime::duration> took;
    for (int i = 0; i < kTimes; ++i) {
      std::this_thread::sleep_for(kPause);
      MutexLock lock(mutex_);
      const SteadyTime signalled = Clock::System().Steady();
      wanted_ = true;
      changed_.Signal();
      while (wanted_) seen_.Wait(mutex_);
      took.push_back(awake_ - signalled);
    }
    {
      MutexLock lock(mutex_);
      over_ = true;
      changed_.Signal();
    }
    sleeper.join();
    std::nth_element(took.begin(), took.begin() + kTimes / 2, took.end());
    return std::chrono::duration<double, std::micro>(took[kTimes / 2]).count();
  }

 private:
  void Sleep() {
    MutexLock lock(mutex_);
    for (;;) {
      while (!wanted_ && !over_) changed_.Wait(mutex_);
      if (over_) return;
      awake_ = Clock::System().Steady();
      wanted_ = false;
      seen_.Signal();
    }
  }

  Mutex mutex_;
  CondVar changed_;
  CondVar seen_;
  bool wanted_ SR_GUARDED_BY(mutex_) = false;
  bool over_ SR_GUARDED_BY(mutex_) = false;
  SteadyTime awake_ SR_GUARDED_BY(mutex_){};
};

}  // namespace
}  // namespace strongroom::bench

int main() {
  std::printf("{\"handoff_us\": %.1f}\n",
              strongroom::bench::Handoff().MedianMicroseconds());
  return 0;
}
