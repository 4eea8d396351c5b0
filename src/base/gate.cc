#include "strongroom/base/gate.h"

namespace strongroom {

std::optional<Gate::Pass> Gate::Enter() {
  MutexLock lock(mutex_);
  if (closed_) return std::nullopt;
  ++inside_;
  return Pass(this);
}

void Gate::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
}

bool Gate::WaitUntilEmpty(SteadyTime until) {
  MutexLock lock(mutex_);
  while (inside_ > 0) {
    if (!empty_.WaitUntil(mutex_, ForWait(until))) return inside_ == 0;
  }
  return true;
}

size_t Gate::inside() const {
  MutexLock lock(mutex_);
  return inside_;
}

void Gate::Leave() {
  // Signalled under the lock: once it is free the waiter may end the Gate.
  MutexLock lock(mutex_);
  if (--inside_ == 0) empty_.SignalAll();
}

}  // namespace strongroom
