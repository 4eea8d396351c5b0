#include "load/knee.h"

#include <algorithm>

namespace strongroom::load {
namespace {

constexpr double kLightShare = 0.2;
// An open loop may have more under way than the closed loop that it is held
// against: else sending would wait for answers again.
constexpr uint32_t kOpenInFlight = 4096;

// Held against what came due, not against the rate: chance makes that a few
// percent more or less when the measured time is short.
bool Holds(const Measurement& m, const KneeRule& rule,
           std::chrono::nanoseconds p99_limit) {
  return m.failed == 0 && m.latency.ValueAt(0.99) <= p99_limit &&
         static_cast<double>(m.good) >=
             rule.answered * static_cast<double>(m.latency.count());
}

}  // namespace

Knee FindKnee(const Load& base, const KneeRule& rule,
              const std::function<Measurement(const Load&)>& measure) {
  Load load = base;
  load.rate = 0;
  const Measurement closed = measure(load);
  Knee knee;
  knee.capacity = static_cast<double>(closed.good) / closed.seconds;
  if (knee.capacity <= 0) return knee;

  load.in_flight = std::max(base.in_flight, kOpenInFlight);
  load.rate = kLightShare * knee.capacity;
  const Measurement light = measure(load);
  const auto limit = std::chrono::nanoseconds(static_cast<int64_t>(
      rule.p99_factor *
      static_cast<double>(light.latency.ValueAt(0.99).count())));
  if (!Holds(light, rule, limit)) return knee;

  double low = load.rate;
  double high = knee.capacity;
  for (int i = 0; i < rule.steps; ++i) {
    load.rate = (low + high) / 2;
    (Holds(measure(load), rule, limit) ? low : high) = load.rate;
  }
  knee.rate = low;
  return knee;
}

}  // namespace strongroom::load
