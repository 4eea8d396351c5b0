// For threads that work without a pause for nobody who waits.
#pragma once

#include <chrono>
#include <thread>

#include "strongroom/base/clock.h"

namespace strongroom {

// YieldSometimes gives the processor to whoever waits for it, at most every
// half millisecond on each thread: each time may cost a slice of the scheduler
// if others have much to do, and the thread is to keep some of the processor.
inline void YieldSometimes() {
  constexpr std::chrono::microseconds kYieldAfter{500};
  static thread_local SteadyTime yielded{};
  if (Clock::System().Steady() - yielded < kYieldAfter) return;
  std::this_thread::yield();
  yielded = Clock::System().Steady();
}

}  // namespace strongroom
