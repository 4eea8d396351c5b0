// Dispatcher: requests wait here for their turn, and a batch starts as soon as
// the token has room for it.
//
// It has no thread: the thread that queues starts what may start (Pump), and a
// thread that ends a token call goes on from there.
// Thread rule: every member may be called from any thread, under no lock.
// Queue, Pump, DropExpired and FailAll may start batches or run `done`; their
// callers have a Hold.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

#include "batching/answers.h"
#include "batching/engine_metrics.h"
#include "batching/queues.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"
#include "strongroom/base/status.h"
#include "strongroom/batching/engine.h"

namespace strongroom::batching {

class Dispatcher {
 public:
  // Start starts a batch on this thread. The batch, or start itself, gives its
  // place back with Release.
  using Start = std::function<void(Queues::Batch)>;

  // Clock, metrics and answers outlive it. `workers`: batches at once.
  Dispatcher(int workers, const EngineOptions& options, const Clock& clock,
             EngineMetrics& metrics, Answers& answers, Start start);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Queue queues all entries, which are of one request, or fails all of them:
  // DRAINING, QUEUE_FULL. Then it starts what may start.
  void Queue(std::vector<Entry> entries) SR_EXCLUDES(mutex_);
  // Pump starts what may start. Returns at once on a thread that is inside it.
  void Pump() SR_EXCLUDES(mutex_);
  // Release gives back the batch's place on the token; once per batch. It
  // starts nothing.
  void Release(const Queues::Batch& batch) SR_EXCLUDES(mutex_);

  // DropExpired fails everything that waits past its deadline.
  void DropExpired() SR_EXCLUDES(mutex_);
  // Close refuses what is queued from now on.
  void Close() SR_EXCLUDES(mutex_);
  bool closed() const { return closed_.load(); }
  // FailAll fails everything that waits.
  void FailAll(const Status& status) SR_EXCLUDES(mutex_);

  // StepAside yields the processor if there was foreground work lately; for a
  // thread between two background operations. A job keeps the device's threads
  // busy without a pause, and where the token is software, the processors too.
  // A caller's request or its answer would wait there until the scheduler's
  // slice is over, which is longer than a request takes.
  void StepAside() const;

  size_t queued_items() const SR_EXCLUDES(mutex_);

 private:
  Status TryQueue(std::vector<Entry>& entries) SR_EXCLUDES(mutex_);
  bool PumpOnce() SR_EXCLUDES(mutex_);
  void Note(const Queues::Batch& batch, SteadyTime now);

  const Clock& clock_;
  EngineMetrics& metrics_;
  Answers& answers_;
  const Start start_;
  const size_t max_items_;
  const size_t max_bytes_;
  const std::chrono::milliseconds retry_after_;
  const int workers_;
  const int max_background_;  // batches at once, but for what is due
  std::atomic<SteadyTime> foreground_at_{SteadyTime{}};  // its newest work
  std::atomic<bool> closed_{false};                      // set under mutex_

  // Guards what waits and how many batches are in flight, and that nothing is
  // queued once closed_ is set.
  // Under it: nothing is called but the queues' own code; no crypto, device,
  // KekSource, metrics or `done`. Taken inside it: no other mutex.
  mutable Mutex mutex_;
  Queues queues_ SR_GUARDED_BY(mutex_);
  int in_flight_ SR_GUARDED_BY(mutex_) = 0;
  int background_in_flight_ SR_GUARDED_BY(mutex_) = 0;
};

}  // namespace strongroom::batching
