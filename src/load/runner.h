// Runner: puts a load on a target and measures.
//
// Open loop: requests are due at times that do not depend on the answers, and
// latency counts from when a request was due, so a service that stalls cannot
// hide it by slowing the load down (no coordinated omission). Closed loop: a
// fixed number is under way, each answer sends the next.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "load/arrivals.h"
#include "load/histogram.h"
#include "load/target.h"

namespace strongroom::load {

struct Load {
  double rate = 0;  // requests per second; 0: closed loop
  ArrivalKind arrivals = ArrivalKind::kPoisson;
  // Closed loop: how many are under way. Open loop: how many may be; beyond,
  // sending waits, and the waiting counts as latency.
  uint32_t in_flight = 64;
  std::chrono::milliseconds warm_up{1000};  // not measured
  std::chrono::milliseconds duration{5000};
  uint64_t seed = 1;
};

struct Measurement {
  double seconds = 0;
  // Answers that came during the measured time.
  uint64_t good = 0;
  uint64_t failed = 0;
  uint64_t items = 0;
  // Of requests that were due during the measured time, good or not.
  Histogram latency;
  Histogram good_latency;  // of the good ones alone
  // From due to sent: the load generator's own share of the latency.
  Histogram send_lag;
  // Sums over what the service said of its cost; 0 if it does not say.
  double token_operations = 0;
  uint64_t items_with_cost = 0;
  Histogram batch;  // one count for each item, "nanoseconds" are items
  std::map<std::string, uint64_t> errors;

  void Add(const Measurement& other);
};

// Measure blocks for warm_up + duration and until what is under way was
// answered.
Measurement Measure(Target& target, const Load& load);

}  // namespace strongroom::load
