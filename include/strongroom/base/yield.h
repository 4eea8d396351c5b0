// YieldSometimes: for threads whose work has no caller waiting for it.
#pragma once

#include <chrono>
#include <thread>

#include "strongroom/base/clock.h"

namespace strongroom {

// YieldSometimes gives the processor to other threads, at most every half
// millisecond on each thread. On a busy machine each yield can cost a whole
// slice of the scheduler, and this thread must keep a part of the processor.
inline void YieldSometimes() {
  constexpr std::chrono::microseconds kYieldAfter{500};
  static thread_local SteadyTime yielded{};
  if (Clock::System().Steady() - yielded < kYieldAfter) return;
  std::this_thread::yield();
  yielded = Clock::System().Steady();
}

}  // namespace strongroom
