#include "service/request_metrics.h"

namespace strongroom::service {

RequestMetrics::RequestMetrics(Metrics& metrics,
                               const std::vector<const OperationSpec*>& specs,
                               const std::vector<std::string_view>& doors)
    : metrics_(metrics),
      in_flight_gauge_(metrics.GetGauge("strongroom_requests_in_flight",
                                        "Requests inside the service.")) {
  for (std::string_view name : doors) doors_.push_back({name, {}});
  if (doors_.empty()) doors_.push_back({"none", {}});
  for (OfDoor& door : doors_) {
    for (const OperationSpec* spec : specs) {
      auto row = std::make_unique<OfRow>();
      row->seconds = &metrics.GetHistogram(
          "strongroom_request_seconds", "Time from admission to answer.",
          Buckets::kSeconds, {{"rpc", spec->rpc}, {"door", door.name}});
      // There from the start, so that rates are right from the first request.
      CounterFor(*spec, door.name, *row, OkStatus());
      door.rows.emplace(spec, std::move(row));
    }
  }
}

void RequestMetrics::Entered() {
  in_flight_.fetch_add(1);
  ShowInFlight();
}

void RequestMetrics::Left() {
  in_flight_.fetch_sub(1);
  ShowInFlight();
}

// The thread that sets the gauge last looks once more, so that a slow one does
// not leave an old number there.
void RequestMetrics::ShowInFlight() {
  int64_t shown;
  do {
    shown = in_flight_.load();
    in_flight_gauge_.Set(static_cast<double>(shown));
  } while (shown != in_flight_.load());
}

void RequestMetrics::Answered(const OperationSpec& spec, std::string_view door,
                              const Status& status,
                              std::chrono::nanoseconds duration) {
  OfDoor& of_door = Find(door);
  auto row = of_door.rows.find(&spec);
  if (row == of_door.rows.end()) return;
  CounterFor(spec, of_door.name, *row->second, status).Add();
  row->second->seconds->Observe(
      std::chrono::duration<double>(duration).count());
}

RequestMetrics::OfDoor& RequestMetrics::Find(std::string_view door) {
  for (OfDoor& one : doors_) {
    if (one.name == door) return one;
  }
  return doors_.front();
}

Counter& RequestMetrics::CounterFor(const OperationSpec& spec,
                                    std::string_view door, OfRow& row,
                                    const Status& status) {
  size_t column =
      status.ok() ? kReasons : static_cast<size_t>(ReasonOf(status));
  std::atomic<Counter*>& place = row.counters[column];
  Counter* counter = place.load(std::memory_order_acquire);
  if (counter == nullptr) {
    // Two threads may both ask; they get the same one.
    counter = &metrics_.GetCounter(
        "strongroom_requests_total",
        "Requests answered, by RPC, door and outcome.",
        {{"rpc", spec.rpc},
         {"door", door},
         {"reason", status.ok() ? "OK" : ReasonName(ReasonOf(status))}});
    place.store(counter, std::memory_order_release);
  }
  return *counter;
}

}  // namespace strongroom::service
