// The keeper's half of WorkerPool: deadlines, write-offs, replacements.
#include <algorithm>
#include <utility>

#include "hsm/pkcs11/worker_pool.h"
#include "strongroom/base/log.h"

namespace strongroom::hsm {
void WorkerPool::Keep() {
  for (;;) {
    Calls hang, late, refused;
    std::vector<std::unique_ptr<Worker>> exited;
    int hanging = 0;
    {
      MutexLock lock(mutex_);
      if (keeper_stops_) return;
      const SteadyTime now = options_.clock->Steady();
      hang = TakeHanging(now);
      late = TakeLate(now);
      if (RestartWanted()) refused = TakeQueue();
      exited = TakeExited();
      if (now >= grow_at_) {
        wanted_workers_ = options_.workers;
        grow_at_ = SteadyTime::max();
      }
      StartMissing();
      hanging = hanging_;
      if (hang.empty() && late.empty() && refused.empty() && exited.empty()) {
        Sleep();
        continue;
      }
    }
    for (const auto& worker : exited) worker->thread.join();
    if (!hang.empty()) {
      log::Warning("token calls outlived their deadline and are written off",
                   {{"calls", hang.size()}, {"hanging", hanging}});
    }
    for (const auto& call : hang) call->Refuse(Hangs());
    for (const auto& call : late) call->Refuse(TooLate());
    for (const auto& call : refused) call->Refuse(RestartNeeded(hanging));
  }
}

void WorkerPool::Sleep() {
  keeper_wakes_ = NextDeadline();
  if (keeper_wakes_ == SteadyTime::max()) {
    keep_.Wait(mutex_);
  } else {
    keep_.WaitUntil(mutex_, RealTime(keeper_wakes_));
  }
  keeper_wakes_ = SteadyTime::max();
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

WorkerPool::Calls WorkerPool::TakeLate(SteadyTime now) {
  Calls calls;
  for (auto* queue : {&urgent_, &queue_}) {
    auto late = std::stable_partition(
        queue->begin(), queue->end(),
        [now](const auto& call) { return call->deadline() > now; });
    std::move(late, queue->end(), std::back_inserter(calls));
    queue->erase(late, queue->end());
  }
  if (!calls.empty()) {
    options_.queue_depth->Set(static_cast<double>(QueueSize()));
  }
  return calls;
}

SteadyTime WorkerPool::NextDeadline() const {
  SteadyTime next = grow_at_;
  for (const auto& worker : workers_) {
    if (worker->running == nullptr || worker->written_off) continue;
    next = std::min(next, worker->running->deadline());
  }
  for (const auto* queue : {&urgent_, &queue_}) {
    for (const auto& call : *queue) next = std::min(next, call->deadline());
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

WorkerPool::Calls WorkerPool::TakeQueue() {
  Calls calls(urgent_.begin(), urgent_.end());
  calls.insert(calls.end(), queue_.begin(), queue_.end());
  urgent_.clear();
  queue_.clear();
  options_.queue_depth->Set(0);
  return calls;
}

size_t WorkerPool::QueueSize() const { return urgent_.size() + queue_.size(); }

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
