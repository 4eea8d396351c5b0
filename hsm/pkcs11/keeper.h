// Keeper: a thread that does what is due, and sleeps until the next thing is.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"

namespace strongroom::hsm {

// Keeper is thread-safe, but for Start and Stop, which its one owner calls.
class Keeper {
 public:
  // Due does what is due now, and gives the time of the next; max() for never.
  using Due = std::function<SteadyTime()>;

  // The clock outlives the thread.
  explicit Keeper(const Clock& clock) : clock_(clock) {}
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Start starts the thread, which calls `due` under no lock.
  void Start(Due due);
  // WakeBy says that something is due then, perhaps earlier than Due gave. What
  // the caller did before is seen by the next `due`.
  void WakeBy(SteadyTime time) SR_EXCLUDES(mutex_);
  // Stop ends the thread and waits for it; before the end of a Keeper that was
  // started. May be called again.
  void Stop() SR_EXCLUDES(mutex_);

 private:
  void Run() SR_EXCLUDES(mutex_);

  const Clock& clock_;
  Due due_;
  // The thread's next turn; max() while `due` runs, whose answer may be old.
  std::atomic<SteadyTime> next_{SteadyTime::max()};
  Mutex mutex_;
  CondVar changed_;
  bool woken_ SR_GUARDED_BY(mutex_) = false;
  bool stopped_ SR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace strongroom::hsm
