// Clock: time is injected, so that tests never sleep to wait.
#pragma once

#include <chrono>
#include <string>

namespace strongroom {

// Wall time, microseconds, UTC: for what is stored and shown.
using WallTime = std::chrono::time_point<std::chrono::system_clock,
                                         std::chrono::microseconds>;
// Steady time: for deadlines and durations. Of the system's clock it counts
// CLOCK_BOOTTIME, which goes on while the machine sleeps: what protects for a
// time (a window, a cache, a lease) has ended when that time is over. It is no
// time for a CondVar, whose clock stands still then: see ForWait.
using SteadyTime = std::chrono::steady_clock::time_point;

// Clock is thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime Now() const = 0;
  virtual SteadyTime Steady() const = 0;

  // System is the machine's clock; it lives for ever.
  static const Clock& System();
};

// ForWait is the time of CondVar::WaitUntil for a steady time of the system's
// clock.
SteadyTime ForWait(SteadyTime time);

// FormatTime is RFC 3339 in UTC with milliseconds: 2025-01-31T08:00:00.000Z.
std::string FormatTime(WallTime time);

}  // namespace strongroom
