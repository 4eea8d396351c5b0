// DeviceState: whether the token is away, and when to try it again.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"
#include "strongroom/base/status.h"

namespace strongroom::hsm {

// After the token went away, one call per interval is let through to try it
// (new session, login); the others are refused at once. The interval doubles
// up to a limit; the first call that works ends it. Thread-safe.
class DeviceState {
 public:
  static constexpr std::chrono::milliseconds kFirstDelay{100};
  static constexpr std::chrono::milliseconds kMaxDelay{5000};

  explicit DeviceState(const Clock& clock) : clock_(clock) {}

  // Admit is OK if the token may be tried now, else HSM_UNAVAILABLE with the
  // delay after which it is worth asking.
  Status Admit() SR_EXCLUDES(mutex_);
  // Lost gives the answer for the call that found the token away.
  Status Lost(const std::string& found) SR_EXCLUDES(mutex_);
  void Well() SR_EXCLUDES(mutex_);
  // detail is empty while the token is well.
  std::string detail() const SR_EXCLUDES(mutex_);

 private:
  const Clock& clock_;
  mutable Mutex mutex_;
  // Written under the lock; read without it by the calls that work.
  std::atomic<bool> away_{false};
  bool trying_ SR_GUARDED_BY(mutex_) = false;
  std::string detail_ SR_GUARDED_BY(mutex_);
  SteadyTime next_try_ SR_GUARDED_BY(mutex_);
  std::chrono::milliseconds delay_ SR_GUARDED_BY(mutex_) = kFirstDelay;
};

}  // namespace strongroom::hsm
