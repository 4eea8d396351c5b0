// What belongs to the process as a whole: limits, signals, its supervisor.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "strongroom/base/mutex.h"

namespace strongroom::server {

// HardenProcess: no core dumps, not readable by other processes of the user,
// files private by default, SIGPIPE ignored. Call first in main.
void HardenProcess();

// WarnAboutLockedMemory gives a sentence if secrets cannot be kept from swap,
// with what to do; empty if all is well.
std::string WarnAboutLockedMemory();

// RaiseOpenFiles lets the process open as many files as it may be allowed, and
// gives a sentence if these are too few for `connections`; empty if all is
// well.
std::string RaiseOpenFiles(int connections);

// NotifySupervisor sends one line ("READY=1", "STOPPING=1") to the systemd that
// started us; does nothing without one.
void NotifySupervisor(const std::string& line);

// SignalWatcher takes SIGTERM, SIGINT and SIGHUP away from the process and
// hands them to a thread of its own. Make it before any other thread, so that
// all inherit the blocked signals.
class SignalWatcher {
 public:
  // `reload` runs at each SIGHUP. The first SIGTERM or SIGINT ends
  // WaitForStop; the second ends the process at once, with status 1.
  explicit SignalWatcher(std::function<void()> reload);
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  void WaitForStop() SR_EXCLUDES(mutex_);

 private:
  void Watch();
  void OnStop() SR_EXCLUDES(mutex_);

  std::function<void()> reload_;
  int signals_ = -1;  // signalfd
  int wake_ = -1;     // eventfd: the destructor's
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ SR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// Watchdog ends the process with status 1 if it is not destroyed in time: for a
// stop that hangs in the token's module, which nothing can cancel.
class Watchdog {
 public:
  explicit Watchdog(std::chrono::steady_clock::time_point until);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  Mutex mutex_;
  CondVar changed_;
  bool done_ SR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace strongroom::server
