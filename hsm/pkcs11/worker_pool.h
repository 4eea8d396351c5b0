// WorkerPool: threads that run token calls, one session each.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "hsm/pkcs11/call_queue.h"
#include "hsm/pkcs11/keeper.h"
#include "hsm/pkcs11/token_call.h"
#include "hsm/pkcs11/token_client.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/metrics.h"
#include "strongroom/base/mutex.h"
#include "strongroom/base/status.h"

namespace strongroom::hsm {

// WorkerPool is thread-safe. PKCS#11 has no cancel: a call that outlives its
// deadline inside the token is answered for, its worker is written off (the
// thread stays until the token lets it go) and replaced, as long as no more
// than `workers` hang. Then a restart is wanted and calls are refused, until
// enough of them come back.
//
// Every worker's thread owns the pool with its maker, who ends it with Shutdown
// or Abandon: what a late call comes back to is still there.
class WorkerPool : public std::enable_shared_from_this<WorkerPool> {
 public:
  struct Options {
    int workers = 1;
    size_t queue_limit = 1;
    const Clock* clock = nullptr;
    // Untouched once Shutdown was true or Abandon returned.
    Gauge* queue_depth = nullptr;
    Gauge* sessions = nullptr;
    Counter* sessions_replaced = nullptr;
    Counter* logins = nullptr;
  };
  struct Reading {
    int workers = 0;  // alive and not written off
    int hanging = 0;  // written off and not back
    bool restart_wanted = false;
  };

  // Create starts the threads. `first` are sessions opened already, at most
  // options.workers.
  static std::shared_ptr<WorkerPool> Create(std::shared_ptr<TokenClient> client,
                                            const Options& options,
                                            std::vector<WorkerSession> first);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Submit queues the call, or refuses it on this thread: DRAINING, HSM_BUSY,
  // HSM_UNAVAILABLE.
  void Submit(std::shared_ptr<TokenCall> call) SR_EXCLUDES(mutex_);

  // Exclusively runs `work` on this worker's thread while no other worker is
  // inside the token. HSM_BUSY if that did not come about within kMaxPause, or
  // cannot because a call hangs; calls wait meanwhile and then go on.
  static constexpr std::chrono::milliseconds kMaxPause{500};
  Status Exclusively(const WorkerSession& self,
                     const std::function<Status()>& work) SR_EXCLUDES(mutex_);

  Reading Read() const SR_EXCLUDES(mutex_);

  // Shutdown refuses what waits, lets running calls end and joins the threads.
  // False if one was still inside the token at `until`; may be called again.
  bool Shutdown(SteadyTime until) SR_EXCLUDES(mutex_);
  // Abandon, after a Shutdown that was false, refuses the calls that hang and
  // leaves their threads to themselves: the last to come back takes pool and
  // client down.
  void Abandon() SR_EXCLUDES(mutex_);

 private:
  struct Worker {
    std::thread thread;
    WorkerSession session;
    std::shared_ptr<TokenCall> running;
    bool written_off = false;
    bool exited = false;
  };
  using Calls = CallQueue::Calls;

  WorkerPool(std::shared_ptr<TokenClient> client, const Options& options)
      : client_(std::move(client)),
        options_(options),
        keeper_(*options.clock),
        queue_(options.queue_limit, *options.queue_depth),
        wanted_workers_(options.workers) {}

  void Work(Worker* self) SR_EXCLUDES(mutex_);
  // Take waits for a call; null when the worker must exit.
  std::shared_ptr<TokenCall> Take(Worker* self) SR_EXCLUDES(mutex_);
  // Finish is false if the call was answered for and the worker must exit.
  bool Finish(Worker* self) SR_EXCLUDES(mutex_);
  void Exit(Worker* self) SR_EXCLUDES(mutex_);
  void Publish() SR_REQUIRES(mutex_);

  // DoDue answers for calls that are past their deadline, joins the threads
  // that ended, starts those that are missing. It gives when to do so again.
  SteadyTime DoDue() SR_EXCLUDES(mutex_);
  // TakeHanging writes off the workers whose calls outlived their deadline.
  Calls TakeHanging(SteadyTime now) SR_REQUIRES(mutex_);
  SteadyTime NextDeadline() const SR_REQUIRES(mutex_);
  void StartMissing() SR_REQUIRES(mutex_);
  void Start(WorkerSession session) SR_REQUIRES(mutex_);
  std::vector<std::unique_ptr<Worker>> TakeExited() SR_REQUIRES(mutex_);

  // WaitUntilAlone is called with this worker counted out of the token.
  bool WaitUntilAlone(const WorkerSession& self) SR_REQUIRES(mutex_);
  void EndExclusive(const WorkerSession& self) SR_REQUIRES(mutex_);

  bool RestartWanted() const SR_REQUIRES(mutex_);
  bool AllExited() const SR_REQUIRES(mutex_);
  int Alive() const SR_REQUIRES(mutex_);
  // RealTime turns a time of the injected clock into one a CondVar waits for.
  SteadyTime RealTime(SteadyTime time) const;

  const std::shared_ptr<TokenClient> client_;
  const Options options_;
  Keeper keeper_;

  mutable Mutex mutex_;
  CondVar work_;     // something to do for workers
  CondVar outside_;  // somebody left the token
  CondVar exited_;   // a worker ended
  CallQueue queue_ SR_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Worker>> workers_ SR_GUARDED_BY(mutex_);
  int wanted_workers_ SR_GUARDED_BY(mutex_);
  SteadyTime grow_at_ SR_GUARDED_BY(mutex_) = SteadyTime::max();
  int hanging_ SR_GUARDED_BY(mutex_) = 0;
  int in_token_ SR_GUARDED_BY(mutex_) = 0;
  // Whose worker has the token to itself; only compared, never followed.
  const WorkerSession* exclusive_ SR_GUARDED_BY(mutex_) = nullptr;
  // What the metrics were told.
  uint64_t sessions_replaced_ SR_GUARDED_BY(mutex_) = 0;
  uint64_t logins_ SR_GUARDED_BY(mutex_) = 0;
  bool stopping_ SR_GUARDED_BY(mutex_) = false;
};

}  // namespace strongroom::hsm
