#include "hsm/pkcs11/call_metrics.h"

namespace strongroom::hsm {
namespace {

constexpr std::string_view kKindNames[] = {"seal",    "open", "create", "prove",
                                           "destroy", "list", "probe",  "sign"};
enum Outcome {
  kOk,
  kNotAuthentic,
  kBusy,
  kUnavailable,
  kDeadline,
  kError,
  kLost
};
constexpr std::string_view kOutcomeNames[] = {
    "ok", "not_authentic", "busy", "unavailable", "deadline", "error", "lost"};

Outcome OutcomeOf(const Status& status) {
  if (status.ok()) return kOk;
  switch (ReasonOf(status)) {
    case Reason::kNotAuthentic:
      return kNotAuthentic;
    case Reason::kHsmBusy:
      return kBusy;
    case Reason::kHsmUnavailable:
    case Reason::kHsmLoginRefused:
    case Reason::kDraining:
      return kUnavailable;
    case Reason::kDeadlineExceeded:
      return kDeadline;
    default:
      return kError;
  }
}

}  // namespace

CallMetrics::CallMetrics(Metrics& metrics) {
  for (size_t kind = 0; kind < kCallKinds; ++kind) {
    for (size_t outcome = 0; outcome < kOutcomes; ++outcome) {
      counters_[kind][outcome] = &metrics.GetCounter(
          "strongroom_token_operations_total",
          "Token operations by what was asked and how it ended.",
          {{"operation", kKindNames[kind]},
           {"outcome", kOutcomeNames[outcome]}});
    }
    seconds_[kind] = &metrics.GetHistogram(
        "strongroom_token_operation_seconds",
        "Time of an operation on its worker, recovery included.",
        Buckets::kSeconds, {{"operation", kKindNames[kind]}});
  }
}

void CallMetrics::Count(CallKind kind, const Status& outcome) {
  counters_[static_cast<size_t>(kind)][OutcomeOf(outcome)]->Add();
}

void CallMetrics::CountLostSeal() {
  counters_[static_cast<size_t>(CallKind::kSeal)][kLost]->Add();
}

void CallMetrics::Time(CallKind kind, std::chrono::nanoseconds in_token) {
  seconds_[static_cast<size_t>(kind)]->Observe(
      std::chrono::duration<double>(in_token).count());
}

}  // namespace strongroom::hsm
