// The knee: the highest rate at which a service still answers all requests
// without a queue growing.
#pragma once

#include <functional>
#include <vector>

#include "load/runner.h"

namespace strongroom::load {

struct KneeRule {
  // p99 may be so many times that of a fifth of the capacity.
  double p99_factor = 5;
  // So much of what came due must be answered in the measured time.
  double answered = 0.97;
  int steps = 6;  // of halving the interval
};

struct Knee {
  double capacity = 0;  // requests per second of the closed loop
  double rate = 0;      // 0: not even a fifth of the capacity holds
};

// FindKnee measures by `measure(load)`, which gives the Measurement: first the
// closed loop of `base`, then open loops between a fifth of it and all of it.
Knee FindKnee(const Load& base, const KneeRule& rule,
              const std::function<Measurement(const Load&)>& measure);

}  // namespace strongroom::load
