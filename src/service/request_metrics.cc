#include "service/request_metrics.h"

namespace strongroom::service {

RequestMetrics::RequestMetrics(Metrics& metrics)
    : metrics_(metrics),
      in_flight_gauge_(metrics.GetGauge("strongroom_requests_in_flight",
                                        "Requests inside the service.")) {
  for (const OperationSpec& spec : AllOperations()) {
    seconds_[static_cast<size_t>(spec.operation)] = &metrics.GetHistogram(
        "strongroom_request_seconds", "Time from admission to answer.",
        Buckets::kSeconds, {{"rpc", spec.rpc}});
    // There from the start, so that rates are right from the first request.
    CounterFor(spec.operation, OkStatus());
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

// Whoever sets the gauge last looks once more, so that a slow thread does not
// leave an old number there.
void RequestMetrics::ShowInFlight() {
  int64_t shown;
  do {
    shown = in_flight_.load();
    in_flight_gauge_.Set(static_cast<double>(shown));
  } while (shown != in_flight_.load());
}

void RequestMetrics::Answered(Operation operation, const Status& status,
                              std::chrono::nanoseconds duration) {
  CounterFor(operation, status).Add();
  seconds_[static_cast<size_t>(operation)]->Observe(
      std::chrono::duration<double>(duration).count());
}

Counter& RequestMetrics::CounterFor(Operation operation, const Status& status) {
  size_t column =
      status.ok() ? kReasons : static_cast<size_t>(ReasonOf(status));
  std::atomic<Counter*>& place =
      counters_[static_cast<size_t>(operation)][column];
  Counter* counter = place.load(std::memory_order_acquire);
  if (counter == nullptr) {
    // Two threads may both ask; they get the same one.
    counter = &metrics_.GetCounter(
        "strongroom_requests_total", "Requests answered, by RPC and outcome.",
        {{"rpc", SpecOf(operation).rpc},
         {"reason", status.ok() ? "OK" : ReasonName(ReasonOf(status))}});
    place.store(counter, std::memory_order_release);
  }
  return *counter;
}

}  // namespace strongroom::service
