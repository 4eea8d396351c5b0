// CallMetrics: counts and times of what was asked of the token.
#pragma once

#include <array>
#include <chrono>
#include <string_view>

#include "strongroom/base/metrics.h"
#include "strongroom/base/status.h"

namespace strongroom::hsm {

enum class CallKind {
  kSeal,
  kOpen,
  kCreate,
  kProve,
  kDestroy,
  kList,
  kProbe,
  kSign
};
inline constexpr size_t kCallKinds = 8;

// CallMetrics is thread-safe; instruments are made once.
class CallMetrics {
 public:
  explicit CallMetrics(Metrics& metrics);

  void Count(CallKind kind, const Status& outcome);
  // CountLostSeal counts MAY_HAVE_SEALED: no failure yet, for it is asked
  // again.
  void CountLostSeal();
  void Time(CallKind kind, std::chrono::nanoseconds in_token);

 private:
  // ok, not_authentic, busy, unavailable, deadline, error, lost
  static constexpr size_t kOutcomes = 7;
  std::array<std::array<Counter*, kOutcomes>, kCallKinds> counters_;
  std::array<Histogram*, kCallKinds> seconds_;
};

}  // namespace strongroom::hsm
