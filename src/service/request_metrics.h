// What is counted of every request. Label values come from the tables alone.
#pragma once

#include <array>
#include <atomic>
#include <chrono>

#include "strongroom/base/metrics.h"
#include "strongroom/base/status.h"
#include "strongroom/service/operations.h"

namespace strongroom::service {

// RequestMetrics is thread-safe.
class RequestMetrics {
 public:
  explicit RequestMetrics(Metrics& metrics);

  void Entered();
  void Answered(Operation operation, const Status& status,
                std::chrono::nanoseconds duration);
  void Left();

 private:
#define STRONGROOM_X(...) +1
  static constexpr size_t kOperations = 0 STRONGROOM_OPERATIONS(STRONGROOM_X);
  static constexpr size_t kReasons = 0 STRONGROOM_REASONS(STRONGROOM_X);
#undef STRONGROOM_X

  void ShowInFlight();
  Counter& CounterFor(Operation operation, const Status& status);

  Metrics& metrics_;
  Gauge& in_flight_gauge_;
  std::atomic<int64_t> in_flight_{0};
  std::array<Histogram*, kOperations> seconds_;
  // Made when first wanted, lest every scrape carry a thousand zeros. The last
  // column is for OK.
  std::array<std::array<std::atomic<Counter*>, kReasons + 1>, kOperations>
      counters_{};
};

}  // namespace strongroom::service
