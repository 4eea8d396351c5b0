// What is counted of every request. Label values come from the tables alone.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "strongroom/base/metrics.h"
#include "strongroom/base/status.h"
#include "strongroom/service/operation.h"

namespace strongroom::service {

// RequestMetrics is thread-safe.
class RequestMetrics {
 public:
  // For each of these rows through each of these doors.
  RequestMetrics(Metrics& metrics,
                 const std::vector<const OperationSpec*>& specs,
                 const std::vector<std::string_view>& doors);

  void Entered();
  // Answered: a request of no known door is counted as the first one's.
  void Answered(const OperationSpec& spec, std::string_view door,
                const Status& status, std::chrono::nanoseconds duration);
  void Left();

 private:
#define STRONGROOM_X(...) +1
  static constexpr size_t kReasons = 0 STRONGROOM_REASONS(STRONGROOM_X);
#undef STRONGROOM_X

  // OfRow is one row through one door.
  struct OfRow {
    Histogram* seconds = nullptr;
    // Made when first wanted, lest every scrape carry a thousand zeros. The
    // last column is for OK.
    std::array<std::atomic<Counter*>, kReasons + 1> counters{};
  };
  struct OfDoor {
    std::string_view name;
    std::unordered_map<const OperationSpec*, std::unique_ptr<OfRow>> rows;
  };

  void ShowInFlight();
  OfDoor& Find(std::string_view door);
  Counter& CounterFor(const OperationSpec& spec, std::string_view door,
                      OfRow& row, const Status& status);

  Metrics& metrics_;
  Gauge& in_flight_gauge_;
  std::atomic<int64_t> in_flight_{0};
  std::vector<OfDoor> doors_;  // never empty; no row is added or removed
};

}  // namespace strongroom::service
