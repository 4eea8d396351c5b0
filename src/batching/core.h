// Core: the engine itself. Requests come in, wait in Queues, and leave as
// batches; a finished token call makes room for the next one (Pump).
//
// There is no thread of the engine's own: the thread that submits starts what
// may start, and the device's threads go on from there. The one lock guards the
// queues; no crypto, no call of the device, of the KekSource or of `done`
// happens under it.
//
// The Engine handle and every batch on the token share the Core, so a token
// call that ends after the engine is gone finds its memory still there.
#pragma once

#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

#include "batching/engine_metrics.h"
#include "batching/queues.h"
#include "batching/windows.h"
#include "batching/work.h"
#include "strongroom/base/mutex.h"
#include "strongroom/batching/engine.h"

namespace strongroom::batching {

class TokenBatch;

// NotAuthentic has one wording, whatever is wrong with the data.
Status NotAuthentic();

class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(hsm::Device& device, KekSource& source, const Clock& clock,
       Metrics& metrics, const EngineOptions& options);

  void Seal(std::unique_ptr<SealRequest> request);
  void Open(std::unique_ptr<OpenRequest> request);
  void Rewrap(std::unique_ptr<RewrapRequest> request);
  void EndWindows(const Uuid& key_id) { windows_.End(key_id); }
  SteadyTime RunDue() SR_EXCLUDES(mutex_);
  EngineStats Stats() const SR_EXCLUDES(mutex_);
  bool Shutdown(SteadyTime until) SR_EXCLUDES(mutex_);

  // Hold keeps Shutdown from returning while a thread is at work in here.
  class Hold {
   public:
    explicit Hold(std::shared_ptr<Core> core) : core_(std::move(core)) {
      core_->outstanding_.fetch_add(1);
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() { core_->EndOne(); }

   private:
    const std::shared_ptr<Core> core_;
  };

  // For batches.
  hsm::Device& device() { return device_; }
  KekSource& source() { return source_; }
  Windows& windows() { return windows_; }
  SteadyTime Now() const { return clock_.Steady(); }
  // CallDeadline is the latest deadline of the slices, bounded by max_call.
  SteadyTime CallDeadline(const std::vector<Slice>& slices) const;
  // Before the call: afterwards the items may be their owner's again.
  void CountTokenOperation(const Queues::Batch& batch) {
    token_operations_.fetch_add(1, std::memory_order_relaxed);
    for (const Slice& slice : batch.slices) slice.work->CountTokenOperation();
  }
  // Enlist makes a batch known to Shutdown; false if that gave up already.
  bool Enlist(std::shared_ptr<TokenBatch> batch) SR_EXCLUDES(mutex_);
  bool abandoned() const { return abandoned_.load(); }
  // Release gives back the batch's place on the token; once per batch.
  void Release(const Queues::Batch& batch, const TokenBatch* enlisted)
      SR_EXCLUDES(mutex_);
  // StepAside is for a thread between two background operations. A job keeps
  // the device's threads busy without a pause, and where the token is software,
  // the processors. Who comes to one of them meanwhile (a caller's request, its
  // answer) would wait there until the scheduler's slice is over, which is
  // longer than a request takes. So it yields, if there were callers lately.
  void StepAside() const;
  // Pump starts what may start. Returns at once on a thread that is inside it.
  void Pump() SR_EXCLUDES(mutex_);
  // Fail gives every item the failure and finishes it; Finish says that the
  // items have their results. Either may run `done`.
  void Fail(std::vector<Slice>& slices, const Status& status);
  void Finish(Operation operation, std::vector<Slice>& slices);
  // SealInWindow is true if an open window took all the items.
  bool SealInWindow(const Uuid& key_id, std::vector<Slice>& slices,
                    size_t items);

 private:
  // Entry is what Submit queues: a slice and where it belongs.
  struct Entry {
    GroupName group;
    GroupRules rules;
    Slice slice;
    size_t bytes = 0;
  };

  template <typename WorkType, typename HeaderOf>
  std::vector<Entry> GroupByHeader(WorkType* work, HeaderOf header_of);
  void Queue(std::vector<Entry> entries) SR_EXCLUDES(mutex_);
  Status TryQueue(std::vector<Entry>& entries) SR_EXCLUDES(mutex_);
  void FailEntries(std::vector<Entry>& entries, const Status& status);
  bool PumpOnce() SR_EXCLUDES(mutex_);
  void Start(Queues::Batch batch);
  void FinishItems(Work* work, size_t items);
  void Together(const std::vector<Slice>& slices,
                const std::function<void()>& finish);
  void EndOne() SR_EXCLUDES(mutex_);
  bool WaitUntilIdle(SteadyTime until) SR_REQUIRES(mutex_);
  void AnswerAll(const Status& status) SR_EXCLUDES(mutex_);

  hsm::Device& device_;
  KekSource& source_;
  const Clock& clock_;
  const EngineOptions options_;
  const int workers_;
  const int max_partial_;
  const int max_background_;  // batches at once, but for what is due
  EngineMetrics metrics_;
  Windows windows_;

  std::atomic<uint64_t> token_operations_{0};
  std::atomic<uint64_t> items_sealed_{0};
  std::atomic<uint64_t> items_opened_{0};
  std::atomic<uint64_t> batches_{0};
  std::atomic<size_t> outstanding_{0};  // requests not answered, and Holds
  std::atomic<SteadyTime> foreground_at_{SteadyTime{}};  // its newest work
  std::atomic<bool> closed_{false};
  std::atomic<bool> abandoned_{false};

  mutable Mutex mutex_;
  CondVar idle_;
  Queues queues_ SR_GUARDED_BY(mutex_);
  int in_flight_ SR_GUARDED_BY(mutex_) = 0;
  int background_in_flight_ SR_GUARDED_BY(mutex_) = 0;
  std::unordered_map<const TokenBatch*, std::shared_ptr<TokenBatch>> enlisted_
      SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::batching
