#include "load/runner.h"

#include <sys/prctl.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "strongroom/base/mutex.h"

namespace strongroom::load {
namespace {

// More kinds of error than this are counted together.
constexpr size_t kMaxErrorKinds = 20;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

class Session final : public Sink {
 public:
  Session(Target& target, const Load& load)
      : target_(target),
        load_(load),
        start_(Now() + std::chrono::milliseconds(5)),
        measured_from_(start_ + load.warm_up),
        end_(measured_from_ + load.duration),
        requests_(load.in_flight),
        recorders_(target.threads()) {
    for (uint32_t i = 0; i < requests_.size(); ++i) requests_[i].number = i;
  }

  Measurement Run() {
    load_.rate > 0 ? SendWhenDue() : SendAll();
    AwaitAnswers();
    Measurement all;
    for (const auto& recorder : recorders_) all.Add(recorder.measurement);
    all.seconds = std::chrono::duration<double>(load_.duration).count();
    return all;
  }

  void OnDone(Request* request, const Outcome& outcome,
              uint32_t thread) override {
    const SteadyTime now = Now();
    Note(*request, outcome, now, &recorders_[thread].measurement);
    if (load_.rate == 0 && now < end_) return SendNow(request);
    MutexLock lock(mutex_);
    idle_.push_back(request);
    --under_way_;
    changed_.Signal();
  }

 private:
  // One for each thread of the target, apart from its neighbours' cache lines.
  struct alignas(128) Recorder {
    Measurement measurement;
  };

  void SendNow(Request* request) {
    request->intended = request->sent = Now();
    target_.Send(request, this);
  }

  void SendAll() {
    {
      MutexLock lock(mutex_);
      under_way_ = requests_.size();
    }
    for (Request& request : requests_) SendNow(&request);
  }

  void SendWhenDue() {
    // Linux lets a sleep end 50 us late to save wake-ups; not here.
    prctl(PR_SET_TIMERSLACK, 1);
    Arrivals arrivals(load_.rate, load_.arrivals, load_.seed);
    {
      MutexLock lock(mutex_);
      for (Request& request : requests_) idle_.push_back(&request);
    }
    for (;;) {
      const SteadyTime due = start_ + arrivals.Next();
      if (due >= end_) return;
      if (due > Now()) std::this_thread::sleep_until(due);
      Request* request = TakeIdle();
      request->intended = due;
      request->sent = Now();
      target_.Send(request, this);
    }
  }

  Request* TakeIdle() SR_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (idle_.empty()) changed_.Wait(mutex_);
    Request* request = idle_.back();
    idle_.pop_back();
    ++under_way_;
    return request;
  }

  void AwaitAnswers() SR_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (under_way_ > 0) changed_.Wait(mutex_);
  }

  void Note(const Request& request, const Outcome& outcome, SteadyTime now,
            Measurement* to) const {
    if (request.intended >= measured_from_ && request.intended < end_) {
      to->latency.Record(now - request.intended);
      if (outcome.ok) to->good_latency.Record(now - request.intended);
      to->send_lag.Record(request.sent - request.intended);
    }
    if (now < measured_from_ || now >= end_) return;
    to->items += outcome.items;
    if (outcome.token_operations > 0) {
      to->token_operations += outcome.token_operations;
      to->items_with_cost += outcome.items;
    }
    if (outcome.batch > 0) {
      to->batch.Record(std::chrono::nanoseconds(outcome.batch));
    }
    ++(outcome.ok ? to->good : to->failed);
    if (outcome.ok) return;
    const bool room = to->errors.size() < kMaxErrorKinds;
    ++to->errors[room ? outcome.error : "other errors"];
  }

  Target& target_;
  const Load load_;
  const SteadyTime start_;
  const SteadyTime measured_from_;
  const SteadyTime end_;
  std::vector<Request> requests_;
  std::vector<Recorder> recorders_;

  Mutex mutex_;
  CondVar changed_;
  std::vector<Request*> idle_ SR_GUARDED_BY(mutex_);
  size_t under_way_ SR_GUARDED_BY(mutex_) = 0;
};

}  // namespace

void Measurement::Add(const Measurement& other) {
  good += other.good;
  failed += other.failed;
  items += other.items;
  latency.Add(other.latency);
  good_latency.Add(other.good_latency);
  send_lag.Add(other.send_lag);
  token_operations += other.token_operations;
  items_with_cost += other.items_with_cost;
  batch.Add(other.batch);
  for (const auto& [error, count] : other.errors) errors[error] += count;
}

Measurement Measure(Target& target, const Load& load) {
  return Session(target, load).Run();
}

}  // namespace strongroom::load
