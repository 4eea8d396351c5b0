// FakeClock: time that moves only when the test says so.
#pragma once

#include <chrono>

#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"

namespace strongroom::testing {

// FakeClock is thread-safe. Wall time starts at 2025-01-31T08:00:00Z. Steady
// time starts at the real one, so that a deadline made from it and given to a
// real CondVar is neither long past nor years away.
class FakeClock final : public Clock {
 public:
  static constexpr WallTime kStart{std::chrono::seconds(1738310400)};

  FakeClock() : now_(kStart), steady_(std::chrono::steady_clock::now()) {}

  WallTime Now() const override {
    MutexLock lock(mutex_);
    return now_;
  }
  SteadyTime Steady() const override {
    MutexLock lock(mutex_);
    return steady_;
  }

  // Advance moves both times forward.
  void Advance(std::chrono::microseconds by) {
    MutexLock lock(mutex_);
    now_ += by;
    steady_ += by;
  }
  // SetNow moves wall time alone, also backward: someone set the clock.
  void SetNow(WallTime now) {
    MutexLock lock(mutex_);
    now_ = now;
  }

 private:
  mutable Mutex mutex_;
  WallTime now_ SR_GUARDED_BY(mutex_);
  SteadyTime steady_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::testing
