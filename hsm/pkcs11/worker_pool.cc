#include "hsm/pkcs11/worker_pool.h"

#include <algorithm>
#include <utility>

namespace strongroom::hsm {
namespace {

constexpr std::chrono::milliseconds kQueueRetry{50};
constexpr std::chrono::milliseconds kRestartRetry{5000};

Status Draining() {
  return Error(Reason::kDraining, "the device is shutting down");
}

}  // namespace

Status TooLate() {
  return Error(Reason::kDeadlineExceeded,
               "the call's deadline passed before the token was free");
}

Status Hangs() {
  return Error(Reason::kDeadlineExceeded,
               "the token did not answer before the call's deadline");
}

Status RestartNeeded(int hanging) {
  return Error(Reason::kHsmUnavailable,
               std::to_string(hanging) +
                   " calls hang inside the token; restart the service",
               kRestartRetry);
}

std::shared_ptr<WorkerPool> WorkerPool::Create(
    std::shared_ptr<TokenClient> client, const Options& options,
    std::vector<WorkerSession> first) {
  std::shared_ptr<WorkerPool> pool(new WorkerPool(std::move(client), options));
  MutexLock lock(pool->mutex_);
  for (WorkerSession& session : first) pool->Start(std::move(session));
  pool->StartMissing();
  pool->Publish();
  pool->keeper_ = std::thread([keeping = pool.get()] { keeping->Keep(); });
  return pool;
}

void WorkerPool::Submit(std::shared_ptr<TokenCall> call) {
  Status refusal;
  {
    MutexLock lock(mutex_);
    if (stopping_) {
      refusal = Draining();
    } else if (RestartWanted()) {
      refusal = RestartNeeded(hanging_);
    } else if (!call->urgent() && queue_.size() >= options_.queue_limit) {
      refusal = Error(Reason::kHsmBusy,
                      "the token's queue is full with " +
                          std::to_string(queue_.size()) +
                          " calls; send fewer at once",
                      kQueueRetry);
    } else {
      if (call->deadline() < keeper_wakes_) keep_.SignalAll();
      (call->urgent() ? urgent_ : queue_).push_back(std::move(call));
      options_.queue_depth->Set(static_cast<double>(QueueSize()));
      work_.Signal();
      return;
    }
  }
  call->Refuse(std::move(refusal));
}

void WorkerPool::Work(Worker* self) {
  while (std::shared_ptr<TokenCall> call = Take(self)) {
    const bool in_time = options_.clock->Steady() < call->deadline();
    if (in_time) call->Run(self->session);
    if (!Finish(self)) break;
    if (in_time) {
      call->Answer();
    } else {
      call->Refuse(TooLate());
    }
  }
  Exit(self);
}

std::shared_ptr<TokenCall> WorkerPool::Take(Worker* self) {
  MutexLock lock(mutex_);
  if (self->session.shrink) {
    // The token had no session or memory for one more. Fewer of us may do; the
    // last one stays, and the keeper tries again later.
    self->session.shrink = false;
    if (!stopping_ && wanted_workers_ > 1) {
      --wanted_workers_;
      grow_at_ = options_.clock->Steady() + std::chrono::seconds(30);
      keep_.SignalAll();
      return nullptr;
    }
  }
  while (!stopping_ && (exclusive_ != nullptr || QueueSize() == 0))
    work_.Wait(mutex_);
  if (QueueSize() == 0 || stopping_) return nullptr;
  auto& from = urgent_.empty() ? queue_ : urgent_;
  self->running = std::move(from.front());
  from.pop_front();
  options_.queue_depth->Set(static_cast<double>(QueueSize()));
  ++in_token_;
  return self->running;
}

bool WorkerPool::Finish(Worker* self) {
  MutexLock lock(mutex_);
  --in_token_;
  if (exclusive_ != nullptr) outside_.SignalAll();
  self->running.reset();
  if (!self->written_off) {
    Publish();
    return true;
  }
  --hanging_;
  return false;
}

void WorkerPool::Publish() {
  options_.sessions->Set(client_->sessions_open());
  const auto add = [](Counter* counter, uint64_t now, uint64_t* told) {
    if (now > *told) counter->Add(static_cast<double>(now - *told));
    *told = now;
  };
  add(options_.sessions_replaced, client_->sessions_replaced(),
      &sessions_replaced_);
  add(options_.logins, client_->anchor().logins(), &logins_);
}

void WorkerPool::Exit(Worker* self) {
  client_->Discard(self->session);
  MutexLock lock(mutex_);
  self->exited = true;
  keep_.SignalAll();
}

Status WorkerPool::Exclusively(const WorkerSession& self,
                               const std::function<Status()>& work) {
  bool alone = false;
  {
    MutexLock lock(mutex_);
    // Counted out while waiting, or two such calls would wait for each other.
    --in_token_;
    outside_.SignalAll();
    alone = WaitUntilAlone(self);
    ++in_token_;
  }
  if (!alone) {
    return Error(Reason::kHsmBusy,
                 "the token was not at rest within 500 ms, which changing its "
                 "objects needs; try again",
                 kQueueRetry);
  }
  Status status = work();
  MutexLock lock(mutex_);
  EndExclusive(self);
  return status;
}

bool WorkerPool::WaitUntilAlone(const WorkerSession& self) {
  // A call that hangs will not leave in time: do not hold up the others.
  if (hanging_ > 0) return false;
  const SteadyTime until = std::chrono::steady_clock::now() + kMaxPause;
  while (exclusive_ != nullptr) {
    if (!outside_.WaitUntil(mutex_, until) && exclusive_ != nullptr) {
      return false;
    }
  }
  exclusive_ = &self;
  while (in_token_ > 0) {
    if (!outside_.WaitUntil(mutex_, until) && in_token_ > 0) {
      EndExclusive(self);
      return false;
    }
  }
  return true;
}

void WorkerPool::EndExclusive(const WorkerSession& self) {
  // Not ours any more if this worker was written off meanwhile.
  if (exclusive_ != &self) return;
  exclusive_ = nullptr;
  work_.SignalAll();
  outside_.SignalAll();
}

WorkerPool::Reading WorkerPool::Read() const {
  MutexLock lock(mutex_);
  return {Alive(), hanging_, RestartWanted()};
}

bool WorkerPool::Shutdown(SteadyTime until) {
  Calls refused;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    refused = TakeQueue();
    work_.SignalAll();
  }
  for (const auto& call : refused) call->Refuse(Draining());
  {
    MutexLock lock(mutex_);
    while (!AllExited()) {
      if (until == SteadyTime::max()) {
        keep_.Wait(mutex_);
      } else if (!keep_.WaitUntil(mutex_, RealTime(until)) && !AllExited()) {
        return false;
      }
    }
    keeper_stops_ = true;
    keep_.SignalAll();
  }
  if (keeper_.joinable()) keeper_.join();
  std::vector<std::unique_ptr<Worker>> exited;
  {
    MutexLock lock(mutex_);
    exited = TakeExited();
  }
  for (const auto& worker : exited) worker->thread.join();
  return true;
}

void WorkerPool::Abandon() {
  Calls hang;
  {
    MutexLock lock(mutex_);
    hang = TakeHanging(SteadyTime::max());
    for (const auto& worker : workers_) worker->thread.detach();
    keeper_stops_ = true;
    keep_.SignalAll();
  }
  keeper_.join();
  for (const auto& call : hang) call->Refuse(Hangs());
}

}  // namespace strongroom::hsm
