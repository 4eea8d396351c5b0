// Outstanding: how many requests are not answered, and how many threads are at
// work in the engine. Shutdown waits until there is none of either.
// Thread rule: every member may be called from any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"

namespace strongroom::batching {

class Outstanding {
 public:
  // Hold counts a thread for as long as it lives. It owns a share of the count,
  // because the waiter may destroy everything else as soon as the count is 0.
  class Hold {
   public:
    explicit Hold(std::shared_ptr<Outstanding> of) : of_(std::move(of)) {
      of_->Begin();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() { of_->End(); }

   private:
    const std::shared_ptr<Outstanding> of_;
  };

  explicit Outstanding(const Clock& clock) : clock_(clock) {}
  Outstanding(const Outstanding&) = delete;
  Outstanding& operator=(const Outstanding&) = delete;

  // Begin counts one; End takes it back. A thread that calls End for a request
  // has a Hold.
  void Begin() { count_.fetch_add(1); }
  void End() SR_EXCLUDES(mutex_);

  // WaitForNone blocks until the count is 0: true. False if `until`, a time of
  // the clock, came first.
  bool WaitForNone(SteadyTime until) SR_EXCLUDES(mutex_);
  // WaitForNone without a bound.
  void WaitForNone() SR_EXCLUDES(mutex_);

 private:
  const Clock& clock_;
  std::atomic<size_t> count_{0};
  std::atomic<bool> awaited_{false};  // somebody waits, or has waited
  // Guards no data: a signal sent under it finds the waiter asleep, not between
  // its look at the count and its sleep.
  // Under it: the clock is read. Taken inside it: no other mutex.
  Mutex mutex_;
  CondVar none_;
};

}  // namespace strongroom::batching
