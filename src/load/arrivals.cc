#include "load/arrivals.h"

namespace strongroom::load {

Arrivals::Arrivals(double rate, ArrivalKind kind, uint64_t seed)
    : rate_(rate), kind_(kind), random_(seed) {}

std::chrono::nanoseconds Arrivals::Next() {
  if (kind_ == ArrivalKind::kConstant) {
    // From the count, not summed up: a sum would drift.
    seconds_ = static_cast<double>(count_++) / rate_;
  } else {
    seconds_ += std::exponential_distribution<double>(rate_)(random_);
  }
  return std::chrono::nanoseconds(static_cast<int64_t>(seconds_ * 1e9));
}

}  // namespace strongroom::load
