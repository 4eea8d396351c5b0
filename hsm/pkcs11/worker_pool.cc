#include "hsm/pkcs11/worker_pool.h"

#include <algorithm>
#include <utility>

#include "strongroom/base/log.h"

namespace strongroom::hsm {
namespace {

constexpr std::chrono::milliseconds kQueueRetry{50};
constexpr std::chrono::milliseconds kRestartRetry{5000};

Status Draining() {
  return Error(Reason::kDraining, "the device is shutting down");
}

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

}  // namespace

std::shared_ptr<WorkerPool> WorkerPool::Create(
    std::shared_ptr<TokenClient> client, const Options& options,
    std::vector<WorkerSession> first) {
  std::shared_ptr<WorkerPool> pool(new WorkerPool(std::move(client), options));
  {
    MutexLock lock(pool->mutex_);
    for (WorkerSession& session : first) pool->Start(std::move(session));
    pool->StartMissing();
    pool->Publish();
  }
  pool->keeper_.Start([kept = pool.get()] { return kept->DoDue(); });
  return pool;
}

void WorkerPool::Submit(std::shared_ptr<TokenCall> call) {
  const SteadyTime deadline = call->deadline();
  Status refusal;
  {
    MutexLock lock(mutex_);
    if (stopping_) {
      refusal = Draining();
    } else if (RestartWanted()) {
      refusal = RestartNeeded(hanging_);
    } else if (!queue_.HasRoomFor(*call)) {
      refusal = Error(Reason::kHsmBusy,
                      "the token's queue is full with " +
                          std::to_string(queue_.size()) +
                          " calls; send fewer at once",
                      kQueueRetry);
    } else {
      queue_.Push(std::move(call));
      work_.Signal();
    }
  }
  if (!refusal.ok()) return call->Refuse(std::move(refusal));
  keeper_.WakeBy(deadline);
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
      return nullptr;
    }
  }
  while (!stopping_ && (exclusive_ != nullptr || queue_.size() == 0))
    work_.Wait(mutex_);
  if (stopping_) return nullptr;
  self->running = queue_.Pop();
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
  const TokenLink& link = client_->link();
  options_.sessions->Set(link.sessions_open());
  const auto add = [](Counter* counter, uint64_t now, uint64_t* told) {
    if (now > *told) counter->Add(static_cast<double>(now - *told));
    *told = now;
  };
  add(options_.sessions_replaced, link.sessions_replaced(),
      &sessions_replaced_);
  add(options_.logins, link.anchor().logins(), &logins_);
}

void WorkerPool::Exit(Worker* self) {
  client_->link().Discard(self->session);
  {
    MutexLock lock(mutex_);
    self->exited = true;
    exited_.SignalAll();
  }
  keeper_.WakeBy(SteadyTime::min());
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

SteadyTime WorkerPool::DoDue() {
  Calls hang, late, refused;
  std::vector<std::unique_ptr<Worker>> exited;
  int hanging = 0;
  SteadyTime next;
  {
    MutexLock lock(mutex_);
    const SteadyTime now = options_.clock->Steady();
    hang = TakeHanging(now);
    late = queue_.TakeLate(now);
    if (RestartWanted()) refused = queue_.TakeAll();
    exited = TakeExited();
    if (now >= grow_at_) {
      wanted_workers_ = options_.workers;
      grow_at_ = SteadyTime::max();
    }
    StartMissing();
    hanging = hanging_;
    next = NextDeadline();
  }
  for (const auto& worker : exited) worker->thread.join();
  if (!hang.empty()) {
    log::Warning("token calls outlived their deadline and are written off",
                 {{"calls", hang.size()}, {"hanging", hanging}});
  }
  for (const auto& call : hang) call->Refuse(Hangs());
  for (const auto& call : late) call->Refuse(TooLate());
  for (const auto& call : refused) call->Refuse(RestartNeeded(hanging));
  return next;
}

WorkerPool::Calls WorkerPool::TakeHanging(SteadyTime now) {
  Calls hang;
  for (const auto& worker : workers_) {
    if (worker->running == nullptr || worker->written_off) continue;
    if (worker->running->deadline() > now) continue;
    worker->written_off = true;
    ++hanging_;
    // Crypto goes on, even if it was an object change that hangs.
    EndExclusive(worker->session);
    hang.push_back(worker->running);
  }
  return hang;
}

SteadyTime WorkerPool::NextDeadline() const {
  SteadyTime next = std::min(grow_at_, queue_.NextDeadline());
  for (const auto& worker : workers_) {
    if (worker->running == nullptr || worker->written_off) continue;
    next = std::min(next, worker->running->deadline());
  }
  return next;
}

void WorkerPool::StartMissing() {
  while (!stopping_ && !RestartWanted() && Alive() < wanted_workers_) Start({});
}

void WorkerPool::Start(WorkerSession session) {
  auto worker = std::make_unique<Worker>();
  worker->session = std::move(session);
  Worker* self = worker.get();
  worker->thread =
      std::thread([pool = shared_from_this(), self] { pool->Work(self); });
  workers_.push_back(std::move(worker));
}

std::vector<std::unique_ptr<WorkerPool::Worker>> WorkerPool::TakeExited() {
  std::vector<std::unique_ptr<Worker>> exited;
  auto keep =
      std::stable_partition(workers_.begin(), workers_.end(),
                            [](const auto& worker) { return !worker->exited; });
  std::move(keep, workers_.end(), std::back_inserter(exited));
  workers_.erase(keep, workers_.end());
  return exited;
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
    refused = queue_.TakeAll();
    work_.SignalAll();
  }
  for (const auto& call : refused) call->Refuse(Draining());
  {
    MutexLock lock(mutex_);
    while (!AllExited()) {
      if (until == SteadyTime::max()) {
        exited_.Wait(mutex_);
      } else if (!exited_.WaitUntil(mutex_, RealTime(until)) && !AllExited()) {
        return false;
      }
    }
  }
  keeper_.Stop();
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
  }
  keeper_.Stop();
  for (const auto& call : hang) call->Refuse(Hangs());
}

bool WorkerPool::RestartWanted() const { return hanging_ > options_.workers; }

bool WorkerPool::AllExited() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->exited; });
}

int WorkerPool::Alive() const {
  return static_cast<int>(
      std::count_if(workers_.begin(), workers_.end(), [](const auto& worker) {
        return !worker->written_off && !worker->exited;
      }));
}

SteadyTime WorkerPool::RealTime(SteadyTime time) const {
  return std::chrono::steady_clock::now() + (time - options_.clock->Steady());
}

}  // namespace strongroom::hsm
