#include "batching/core.h"

#include <algorithm>
#include <string>
#include <utility>

#include "batching/seal_leaves.h"
#include "batching/token_batch.h"
#include "strongroom/base/yield.h"

namespace strongroom::batching {
namespace {

// So long after a caller's work a thread that works for jobs yields.
constexpr std::chrono::milliseconds kLately{100};

Status Draining() {
  return Error(Reason::kDraining,
               "the service is shutting down; send the request elsewhere or "
               "again later");
}

Status Expired() {
  return Error(Reason::kDeadlineExceeded,
               "the request's deadline passed before its turn on the token "
               "came; give it more time or send fewer at once");
}

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

Status NotAuthentic() {
  return Error(Reason::kNotAuthentic,
               "the data does not open; want the key, the encryption context "
               "and the operation it was made with, and no byte changed");
}

Core::Core(hsm::Device& device, KekSource& source, const Clock& clock,
           Metrics& metrics, const EngineOptions& options)
    : device_(device),
      source_(source),
      clock_(clock),
      options_(options),
      workers_(std::max(1, device.info().workers)),
      max_partial_(std::max(1, device.info().partial_batches)),
      max_background_(std::max(1, workers_ - (workers_ + 3) / 4)),
      metrics_(metrics),
      windows_(source),
      queues_(std::clamp(options.background_share, kMinBackgroundShare,
                         kMaxBackgroundShare)) {}

SteadyTime Core::CallDeadline(const std::vector<Slice>& slices) const {
  SteadyTime latest = SteadyTime::min();
  for (const Slice& slice : slices) {
    latest = std::max(latest, slice.work->deadline);
  }
  return std::min(latest, Now() + options_.max_call);
}

void Core::StepAside() const {
  if (Now() - foreground_at_.load() <= kLately) YieldSometimes();
}

bool Core::Enlist(std::shared_ptr<TokenBatch> batch) {
  batches_.fetch_add(1, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  if (abandoned_.load()) return false;
  const TokenBatch* key = batch.get();
  enlisted_.emplace(key, std::move(batch));
  return true;
}

void Core::Release(const Queues::Batch& batch, const TokenBatch* enlisted) {
  std::shared_ptr<TokenBatch> last;  // destroyed after the lock
  MutexLock lock(mutex_);
  --in_flight_;
  if (batch.work_class == WorkClass::kBackground) --background_in_flight_;
  queues_.Release(batch);
  auto found = enlisted_.find(enlisted);
  if (found == enlisted_.end()) return;
  last = std::move(found->second);
  enlisted_.erase(found);
}

void Core::Pump() {
  // A device or a `done` that calls back on this thread must not nest: the
  // outer frame looks again when it has finished what it is at.
  static thread_local const Core* pumping = nullptr;
  if (pumping == this) return;
  const Core* outer = std::exchange(pumping, this);
  while (PumpOnce()) {
  }
  pumping = outer;
}

// True if there may be more to do.
bool Core::PumpOnce() {
  const SteadyTime now = Now();
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
  if (!expired.empty()) Fail(expired, Expired());
  const bool took = batch.has_value();
  if (took) Start(*std::move(batch));
  return took || !expired.empty();
}

void Core::Start(Queues::Batch batch) {
  const SteadyTime now = Now();
  for (const Slice& slice : batch.slices) {
    metrics_.queue_seconds.Observe(
        std::chrono::duration<double>(now - slice.work->submitted).count());
    slice.work->Batched(batch.items, now);
  }
  metrics_.turns[static_cast<size_t>(batch.work_class)]->Add(batch.cost);
  metrics_.of(batch.operation)
      .batch_items.Observe(static_cast<double>(batch.items));
  switch (batch.operation) {
    case Operation::kSeal:
      // A window may have been opened since these items came.
      if (windows_.open() > 0 &&
          SealInWindow(batch.key_id, batch.slices, batch.items)) {
        return Release(batch, nullptr);
      }
      return StartSeal(shared_from_this(), std::move(batch));
    case Operation::kOpen:
      return StartOpen(shared_from_this(), std::move(batch));
    case Operation::kRewrap:
      return StartRewrap(shared_from_this(), std::move(batch));
  }
}

bool Core::SealInWindow(const Uuid& key_id, std::vector<Slice>& slices,
                        size_t items) {
  std::optional<Windows::Lease> lease = windows_.Claim(key_id, items, Now());
  if (!lease) return false;
  const Windows::Window& window = lease->window();
  const Status sealed =
      SealLeaves(window.batch_key, window.kek.key_id, window.batch_id,
                 lease->first_index(), slices);
  if (sealed.ok()) {
    ForEachItem<SealWork>(slices, [&](SealWork& work, uint32_t i) {
      SealItem& item = work.request->items[i];
      if (!item.status.ok()) return;
      item.header = window.header;
      item.key_version = window.kek.version;
    });
  }
  // Before `done` runs: that may end this key's windows, which waits for us.
  lease.reset();
  if (sealed.ok()) {
    Finish(Operation::kSeal, slices);
  } else {
    Fail(slices, sealed);
  }
  return true;
}

void Core::Fail(std::vector<Slice>& slices, const Status& status) {
  for (Slice& slice : slices) {
    FailItems(slice, status);
    metrics_.of(slice.work->operation)
        .error.Add(static_cast<double>(slice.size()));
  }
  Together(slices, [&] {
    for (Slice& slice : slices) FinishItems(slice.work, slice.size());
  });
}

void Core::Finish(Operation operation, std::vector<Slice>& slices) {
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
  Together(slices, [&] {
    for (Slice& slice : slices) FinishItems(slice.work, slice.size());
  });
}

void Core::Together(const std::vector<Slice>& slices,
                    const std::function<void()>& finish) {
  if (slices.size() > 1 && options_.together) {
    options_.together(finish);
  } else {
    finish();
  }
}

void Core::FinishItems(Work* work, size_t items) {
  if (work->unfinished.fetch_sub(items, std::memory_order_acq_rel) != items) {
    return;
  }
  work->Done();
  delete work;
  EndOne();
}

void Core::EndOne() {
  if (outstanding_.fetch_sub(1) != 1 || !closed_.load()) return;
  MutexLock lock(mutex_);
  idle_.SignalAll();
}

SteadyTime Core::RunDue() {
  const Hold hold(shared_from_this());
  const SteadyTime now = Now();
  std::vector<Slice> expired;
  size_t depth;
  {
    MutexLock lock(mutex_);
    queues_.DropExpired(now, &expired);
    depth = queues_.items();
  }
  metrics_.queue_depth.Set(static_cast<double>(depth));
  if (!expired.empty()) Fail(expired, Expired());
  const SteadyTime next =
      windows_.EndAged(now, now + std::chrono::milliseconds(250));
  metrics_.open_windows.Set(static_cast<double>(windows_.open()));
  return next;
}

EngineStats Core::Stats() const {
  EngineStats stats;
  stats.token_operations = token_operations_.load();
  stats.items_sealed = items_sealed_.load();
  stats.items_opened = items_opened_.load();
  stats.batches = batches_.load();
  stats.open_windows = windows_.open();
  MutexLock lock(mutex_);
  stats.queued_items = queues_.items();
  return stats;
}

bool Core::Shutdown(SteadyTime until) {
  bool in_time;
  {
    MutexLock lock(mutex_);
    closed_.store(true);
    in_time = WaitUntilIdle(until);
  }
  if (!in_time) AnswerAll(Draining());
  windows_.EndAll();
  metrics_.open_windows.Set(0);
  return in_time;
}

bool Core::WaitUntilIdle(SteadyTime until) {
  while (outstanding_.load() > 0) {
    // `until` is a time of the injected clock; the wait is on the real one.
    const SteadyTime now = Now();
    if (until <= now) return false;
    const auto wait =
        std::min<SteadyTime::duration>(until - now, std::chrono::hours(1));
    idle_.WaitUntil(mutex_, std::chrono::steady_clock::now() + wait);
  }
  return true;
}

// What waits is answered here, what the token has is answered in its place;
// then only threads that are computing are waited for.
void Core::AnswerAll(const Status& status) {
  std::vector<Slice> waiting;
  std::vector<std::shared_ptr<TokenBatch>> on_token;
  {
    MutexLock lock(mutex_);
    abandoned_.store(true);
    queues_.TakeAll(&waiting);
    for (const auto& [key, batch] : enlisted_) on_token.push_back(batch);
  }
  Fail(waiting, status);
  for (const auto& batch : on_token) batch->Abandon(status);
  MutexLock lock(mutex_);
  while (outstanding_.load() > 0) idle_.Wait(mutex_);
}

}  // namespace strongroom::batching
