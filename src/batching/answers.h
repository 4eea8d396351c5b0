// Answers: the end of every item's way. It notes outcomes, counts them, and
// hands a request back to its owner when its last item is finished.
// Thread rule: every member may be called from any thread that has a Hold of
// `outstanding`, and from the one that shuts the engine down. Callers hold no
// lock, because each member may run `done`.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "batching/engine_metrics.h"
#include "batching/outstanding.h"
#include "batching/work.h"
#include "strongroom/base/status.h"

namespace strongroom::batching {

class Answers {
 public:
  // Runs the `done`s of one batch (EngineOptions::together).
  using Together = std::function<void(const std::function<void()>&)>;

  // Metrics and outstanding outlive it.
  Answers(EngineMetrics& metrics, Outstanding& outstanding, Together together);

  // Fail gives every item the failure, unless it has one, and finishes it.
  void Fail(std::vector<Slice> slices, const Status& status);
  // Finish finishes items of one operation that have their results.
  void Finish(std::vector<Slice> slices);
  // HandBack returns a request of which no item waits for anything.
  void HandBack(Work& work);

  uint64_t items_sealed() const { return items_sealed_.load(); }
  uint64_t items_opened() const { return items_opened_.load(); }

 private:
  void FinishAll(const std::vector<Slice>& slices);
  void FinishEach(const std::vector<Slice>& slices);

  EngineMetrics& metrics_;
  Outstanding& outstanding_;
  const Together together_;
  std::atomic<uint64_t> items_sealed_{0};
  std::atomic<uint64_t> items_opened_{0};
};

}  // namespace strongroom::batching
