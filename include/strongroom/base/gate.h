// Gate: stop new work, and know when the old work is done.
#pragma once

#include <optional>

#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"

namespace strongroom {

// Gate is thread-safe. Every unit of work holds a Pass while it lasts.
class Gate {
 public:
  // Pass is the right to be inside; its destruction ends it.
  class Pass {
   public:
    Pass(Pass&& other) noexcept : gate_(other.gate_) { other.gate_ = nullptr; }
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave();
    }

   private:
    friend class Gate;
    explicit Pass(Gate* gate) : gate_(gate) {}
    Gate* gate_;
  };

  // Enter gives a Pass, or nullopt once Close was called.
  std::optional<Pass> Enter() SR_EXCLUDES(mutex_);
  // Close makes every later Enter fail. May be called again.
  void Close() SR_EXCLUDES(mutex_);
  // WaitUntilEmpty is true once no Pass is left, false if `until` came first.
  bool WaitUntilEmpty(SteadyTime until) SR_EXCLUDES(mutex_);
  size_t inside() const SR_EXCLUDES(mutex_);

 private:
  void Leave() SR_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  CondVar empty_;
  bool closed_ SR_GUARDED_BY(mutex_) = false;
  size_t inside_ SR_GUARDED_BY(mutex_) = 0;
};

}  // namespace strongroom
