#include "hsm/pkcs11/keeper.h"

#include <utility>

namespace strongroom::hsm {

void Keeper::Start(Due due) {
  due_ = std::move(due);
  thread_ = std::thread([this] { Run(); });
}

void Keeper::WakeBy(SteadyTime time) {
  // Without the lock in the common case: this is called for each call on the
  // token, and most of these are due after another one.
  if (time >= next_.load()) return;
  MutexLock lock(mutex_);
  woken_ = true;
  changed_.SignalAll();
}

void Keeper::Stop() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Keeper::Run() {
  for (;;) {
    next_ = SteadyTime::max();
    const SteadyTime next = due_();
    next_ = next;
    MutexLock lock(mutex_);
    bool slept = false;
    while (!stopped_ && !woken_ && !slept) {
      if (next == SteadyTime::max()) {
        changed_.Wait(mutex_);
      } else {
        // `next` is a time of the injected clock; the wait is on the real one.
        slept = !changed_.WaitUntil(mutex_, std::chrono::steady_clock::now() +
                                                (next - clock_.Steady()));
      }
    }
    if (stopped_) return;
    woken_ = false;
  }
}

}  // namespace strongroom::hsm
