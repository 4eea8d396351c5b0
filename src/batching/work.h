// Work: a request as the engine holds it, and the slices it is cut into.
//
// Several batches may have slices of one request at once, so the slices own the
// Work together. Items are finished slice by slice, each on the thread that has
// it; the thread that finishes the last item hands the request back (Answers).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/status.h"
#include "strongroom/batching/requests.h"

namespace strongroom::batching {

enum class Operation { kSeal, kOpen, kRewrap };
inline constexpr size_t kOperations = 3;

class Work {
 public:
  Work(Operation op, const RequestBase& request, SteadyTime now)
      : operation(op),
        caller(request.caller),
        work_class(request.work_class),
        share(request.share),
        deadline(request.deadline),
        submitted(now) {}
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  virtual ~Work() = default;

  // Fail gives an item its failure, unless it has one.
  virtual void Fail(uint32_t item, const Status& status) = 0;
  virtual bool Ok(uint32_t item) const = 0;
  // Done hands the request to its `done`; once, when no item is unfinished.
  virtual void Done() = 0;

  // Batched notes that a batch of so many items took some of this.
  void Batched(size_t items, SteadyTime now) {
    Raise(&batch_, static_cast<int64_t>(items));
    Raise(&queued_us_,
          std::chrono::duration_cast<std::chrono::microseconds>(now - submitted)
              .count());
  }
  void CountTokenOperation() {
    token_operations_.fetch_add(1, std::memory_order_relaxed);
  }
  // Whoever calls it has seen all items finished.
  Cost cost() const {
    return {
        token_operations_.load(std::memory_order_relaxed),
        static_cast<uint32_t>(batch_.load(std::memory_order_relaxed)),
        std::chrono::microseconds(queued_us_.load(std::memory_order_relaxed))};
  }

  const Operation operation;
  const std::string caller;
  const WorkClass work_class;
  const int share;  // percent; 0: the engine's
  const SteadyTime deadline;
  const SteadyTime submitted;
  std::atomic<size_t> unfinished{0};  // items

 private:
  static void Raise(std::atomic<int64_t>* to, int64_t value) {
    int64_t seen = to->load(std::memory_order_relaxed);
    while (seen < value &&
           !to->compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
  }

  // Several batches may take parts of one request at once.
  std::atomic<uint32_t> token_operations_{0};
  std::atomic<int64_t> batch_{0};
  std::atomic<int64_t> queued_us_{0};
};

template <typename Request, Operation kOperation>
class WorkOf final : public Work {
 public:
  WorkOf(std::unique_ptr<Request> r, SteadyTime now)
      : Work(kOperation, *r, now), request(std::move(r)) {}

  void Fail(uint32_t item, const Status& status) override {
    Status& own = request->items[item].status;
    if (own.ok()) own = status;
  }
  bool Ok(uint32_t item) const override {
    return request->items[item].status.ok();
  }
  void Done() override {
    request->cost = cost();
    auto done = std::move(request->done);
    if (done) done(std::move(request));
  }

  std::unique_ptr<Request> request;
};
using SealWork = WorkOf<SealRequest, Operation::kSeal>;
using OpenWork = WorkOf<OpenRequest, Operation::kOpen>;
using RewrapWork = WorkOf<RewrapRequest, Operation::kRewrap>;

// Slice is some items of a request: those listed, or without a list begin..end.
struct Slice {
  std::shared_ptr<Work> work;
  uint32_t begin = 0;
  uint32_t end = 0;
  std::vector<uint32_t> list;

  size_t size() const { return end - begin; }
  uint32_t item(uint32_t i) const { return list.empty() ? i : list[i]; }
};

// ForEachItem calls f(work, item) for every item of the slices.
template <typename WorkType, typename F>
void ForEachItem(std::vector<Slice>& slices, F f) {
  for (Slice& slice : slices) {
    auto& work = static_cast<WorkType&>(*slice.work);
    for (uint32_t i = slice.begin; i < slice.end; ++i) f(work, slice.item(i));
  }
}

}  // namespace strongroom::batching
