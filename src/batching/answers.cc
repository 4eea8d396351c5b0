#include "batching/answers.h"

#include <utility>

namespace strongroom::batching {
namespace {

// Every request gets a Status of its own: the copies of one share a counted
// object, which threads that have nothing else in common would then fight for
// (and whose counting, in absl's library, ThreadSanitizer cannot see).
Status OwnCopy(const Status& status) {
  const auto retry_after = RetryAfterOf(status);
  return retry_after ? Error(ReasonOf(status), MessageOf(status), *retry_after)
                     : Error(ReasonOf(status), MessageOf(status));
}

void FailItems(const Slice& slice, const Status& status) {
  const Status own = OwnCopy(status);
  for (uint32_t i = slice.begin; i < slice.end; ++i) {
    slice.work->Fail(slice.item(i), own);
  }
}

}  // namespace

Answers::Answers(EngineMetrics& metrics, Outstanding& outstanding,
                 Together together)
    : metrics_(metrics),
      outstanding_(outstanding),
      together_(std::move(together)) {}

void Answers::Fail(std::vector<Slice> slices, const Status& status) {
  for (const Slice& slice : slices) {
    FailItems(slice, status);
    metrics_.of(slice.work->operation)
        .error.Add(static_cast<double>(slice.size()));
  }
  FinishAll(slices);
}

void Answers::Finish(std::vector<Slice> slices) {
  const Operation operation = slices.front().work->operation;
  size_t ok = 0;
  size_t all = 0;
  for (const Slice& slice : slices) {
    all += slice.size();
    for (uint32_t i = slice.begin; i < slice.end; ++i) {
      if (slice.work->Ok(slice.item(i))) ++ok;
    }
  }
  EngineMetrics::PerOperation& counters = metrics_.of(operation);
  if (ok > 0) counters.ok.Add(static_cast<double>(ok));
  if (all > ok) counters.error.Add(static_cast<double>(all - ok));
  if (operation == Operation::kSeal) items_sealed_.fetch_add(ok);
  if (operation == Operation::kOpen) items_opened_.fetch_add(ok);
  FinishAll(slices);
}

void Answers::FinishAll(const std::vector<Slice>& slices) {
  if (slices.size() > 1 && together_) {
    together_([&] { FinishEach(slices); });
  } else {
    FinishEach(slices);
  }
}

void Answers::FinishEach(const std::vector<Slice>& slices) {
  for (const Slice& slice : slices) {
    Work& work = *slice.work;
    const size_t items = slice.size();
    if (work.unfinished.fetch_sub(items, std::memory_order_acq_rel) == items) {
      HandBack(work);
    }
  }
}

void Answers::HandBack(Work& work) {
  work.Done();
  outstanding_.End();
}

}  // namespace strongroom::batching
