#include "batching/dispatcher.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "batching/refusals.h"
#include "strongroom/base/yield.h"

namespace strongroom::batching {
namespace {

// So long after a caller's work a thread that works for jobs yields.
constexpr std::chrono::milliseconds kLately{100};

std::vector<Slice> SlicesOf(std::vector<Entry>& entries) {
  std::vector<Slice> slices;
  slices.reserve(entries.size());
  for (Entry& entry : entries) slices.push_back(std::move(entry.slice));
  return slices;
}

}  // namespace

Dispatcher::Dispatcher(int workers, const EngineOptions& options,
                       const Clock& clock, EngineMetrics& metrics,
                       Answers& answers, Start start)
    : clock_(clock),
      metrics_(metrics),
      answers_(answers),
      start_(std::move(start)),
      max_items_(options.max_queued_items),
      max_bytes_(options.max_queued_bytes),
      retry_after_(options.retry_after),
      workers_(std::max(1, workers)),
      max_background_(std::max(1, workers_ - (workers_ + 3) / 4)),
      queues_(std::clamp(options.background_share, kMinBackgroundShare,
                         kMaxBackgroundShare)) {}

void Dispatcher::Queue(std::vector<Entry> entries) {
  const Status refused = TryQueue(entries);
  if (!refused.ok()) return answers_.Fail(SlicesOf(entries), refused);
  Pump();
}

Status Dispatcher::TryQueue(std::vector<Entry>& entries) {
  const WorkClass work_class = entries.front().slice.work->work_class;
  if (work_class == WorkClass::kForeground) {
    foreground_at_.store(clock_.Steady());
  }
  size_t items = 0;
  size_t bytes = 0;
  for (const Entry& entry : entries) {
    items += entry.slice.size();
    bytes += entry.bytes;
  }
  MutexLock lock(mutex_);
  if (closed_.load()) return Draining();
  const size_t waiting = queues_.items(work_class);
  if (waiting + items > max_items_ ||
      queues_.bytes(work_class) + bytes > max_bytes_) {
    return Error(Reason::kQueueFull,
                 std::to_string(waiting) + " items wait for the token and " +
                     std::to_string(items) + " more do not fit; want at most " +
                     std::to_string(max_items_) + " items and " +
                     std::to_string(max_bytes_) +
                     " bytes: try again after the given delay",
                 retry_after_);
  }
  for (Entry& entry : entries) queues_.Push(std::move(entry));
  return OkStatus();
}

void Dispatcher::Pump() {
  // A device or a `done` that calls back on this thread must not nest: the
  // outer frame looks again when it has finished what it is at.
  static thread_local const Dispatcher* pumping = nullptr;
  if (pumping == this) return;
  const Dispatcher* outer = std::exchange(pumping, this);
  while (PumpOnce()) {
  }
  pumping = outer;
}

// True if there may be more to do.
bool Dispatcher::PumpOnce() {
  const SteadyTime now = clock_.Steady();
  std::vector<Slice> expired;
  std::optional<Queues::Batch> batch;
  size_t depth;
  {
    MutexLock lock(mutex_);
    if (in_flight_ < workers_) {
      batch =
          queues_.Next(now, background_in_flight_ < max_background_, &expired);
    }
    if (batch) {
      ++in_flight_;
      if (batch->work_class == WorkClass::kBackground) ++background_in_flight_;
    }
    depth = queues_.items();
  }
  metrics_.queue_depth.Set(static_cast<double>(depth));
  const bool took = batch.has_value() || !expired.empty();
  if (!expired.empty()) answers_.Fail(std::move(expired), DeadlinePassed());
  if (batch) {
    Note(*batch, clock_.Steady());
    start_(*std::move(batch));
  }
  return took;
}

void Dispatcher::Note(const Queues::Batch& batch, SteadyTime now) {
  for (const Slice& slice : batch.slices) {
    metrics_.queue_seconds.Observe(
        std::chrono::duration<double>(now - slice.work->submitted).count());
    slice.work->Batched(batch.items, now);
  }
  metrics_.turns[static_cast<size_t>(batch.work_class)]->Add(batch.cost);
  metrics_.of(batch.operation)
      .batch_items.Observe(static_cast<double>(batch.items));
}

void Dispatcher::Release(const Queues::Batch& batch) {
  MutexLock lock(mutex_);
  --in_flight_;
  if (batch.work_class == WorkClass::kBackground) --background_in_flight_;
  queues_.Release(batch);
}

void Dispatcher::DropExpired() {
  const SteadyTime now = clock_.Steady();
  std::vector<Slice> expired;
  size_t depth;
  {
    MutexLock lock(mutex_);
    queues_.DropExpired(now, &expired);
    depth = queues_.items();
  }
  metrics_.queue_depth.Set(static_cast<double>(depth));
  if (!expired.empty()) answers_.Fail(std::move(expired), DeadlinePassed());
}

void Dispatcher::Close() {
  MutexLock lock(mutex_);
  closed_.store(true);
}

void Dispatcher::FailAll(const Status& status) {
  std::vector<Slice> waiting;
  {
    MutexLock lock(mutex_);
    queues_.TakeAll(&waiting);
  }
  if (!waiting.empty()) answers_.Fail(std::move(waiting), status);
}

void Dispatcher::StepAside() const {
  if (clock_.Steady() - foreground_at_.load() <= kLately) YieldSometimes();
}

size_t Dispatcher::queued_items() const {
  MutexLock lock(mutex_);
  return queues_.items();
}

}  // namespace strongroom::batching
