#include "batching/outstanding.h"

#include <algorithm>
#include <chrono>

namespace strongroom::batching {

void Outstanding::End() {
  if (count_.fetch_sub(1) != 1 || !awaited_.load()) return;
  MutexLock lock(mutex_);
  none_.SignalAll();
}

bool Outstanding::WaitForNone(SteadyTime until) {
  MutexLock lock(mutex_);
  awaited_.store(true);
  while (count_.load() > 0) {
    // `until` is a time of the injected clock; the wait is on the real one.
    const SteadyTime now = clock_.Steady();
    if (until <= now) return false;
    const auto wait =
        std::min<SteadyTime::duration>(until - now, std::chrono::hours(1));
    none_.WaitUntil(mutex_, std::chrono::steady_clock::now() + wait);
  }
  return true;
}

void Outstanding::WaitForNone() {
  MutexLock lock(mutex_);
  awaited_.store(true);
  while (count_.load() > 0) none_.Wait(mutex_);
}

}  // namespace strongroom::batching
