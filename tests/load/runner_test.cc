#include "load/runner.h"

#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "load/knee.h"
#include "strongroom/base/mutex.h"

namespace strongroom::load {
namespace {

using std::chrono::milliseconds;

// SlowTarget answers one request after the other, each after `service_time`,
// on one thread: a queue of known speed.
class SlowTarget final : public Target {
 public:
  explicit SlowTarget(std::chrono::microseconds service_time,
                      Outcome outcome = {.ok = true, .items = 1})
      : service_time_(service_time), outcome_(std::move(outcome)) {
    server_ = std::thread([this] { Serve(); });
  }
  ~SlowTarget() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      changed_.Signal();
    }
    server_.join();
  }
  uint32_t threads() const override { return 1; }
  void Send(Request* request, Sink* sink) override {
    MutexLock lock(mutex_);
    waiting_.emplace_back(request, sink);
    most_waiting_ = std::max(most_waiting_, waiting_.size());
    changed_.Signal();
  }
  size_t most_waiting() {
    MutexLock lock(mutex_);
    return most_waiting_;
  }

 private:
  void Serve() {
    MutexLock lock(mutex_);
    for (;;) {
      while (!stopping_ && waiting_.empty()) changed_.Wait(mutex_);
      if (waiting_.empty()) return;
      auto [request, sink] = waiting_.front();
      waiting_.pop_front();
      mutex_.Unlock();
      const auto end = std::chrono::steady_clock::now() + service_time_;
      while (std::chrono::steady_clock::now() < end) {
      }
      sink->OnDone(request, outcome_, 0);
      mutex_.Lock();
    }
  }

  const std::chrono::microseconds service_time_;
  const Outcome outcome_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::pair<Request*, Sink*>> waiting_;
  size_t most_waiting_ = 0;
  bool stopping_ = false;
  std::thread server_;
};

TEST(RunnerTest, AClosedLoopKeepsItsNumberUnderWay) {
  SlowTarget target(std::chrono::microseconds(200));
  const Measurement m = Measure(target, {.in_flight = 5,
                                         .warm_up = milliseconds(20),
                                         .duration = milliseconds(200)});
  EXPECT_LE(target.most_waiting(), 5u);
  EXPECT_GT(m.good, 10u);
  EXPECT_EQ(m.failed, 0u);
  // Each waits for the four before it.
  EXPECT_GE(m.latency.ValueAt(0.5), std::chrono::microseconds(800));
}

TEST(RunnerTest, AnOpenLoopAboveTheCapacityCountsTheWaitAsLatency) {
  // 1 ms each, 2000 per second asked: after half a second the queue is 250 ms
  // long. A loop that waited for answers would report 1 ms.
  SlowTarget target(milliseconds(1));
  const Measurement m = Measure(target, {.rate = 2000,
                                         .arrivals = ArrivalKind::kConstant,
                                         .in_flight = 10,
                                         .warm_up = milliseconds(0),
                                         .duration = milliseconds(500)});
  EXPECT_EQ(m.latency.count(), 1000u);
  EXPECT_GE(m.latency.ValueAt(0.9), milliseconds(200));
  EXPECT_LE(target.most_waiting(), 10u);
  EXPECT_GE(m.send_lag.ValueAt(0.9), milliseconds(150));
}

TEST(RunnerTest, WhatIsDueDuringWarmUpIsNotMeasured) {
  SlowTarget target(std::chrono::microseconds(1));
  const Measurement m = Measure(target, {.rate = 1000,
                                         .arrivals = ArrivalKind::kConstant,
                                         .in_flight = 100,
                                         .warm_up = milliseconds(100),
                                         .duration = milliseconds(100)});
  EXPECT_EQ(m.latency.count(), 100u);
}

TEST(RunnerTest, FailuresAreCountedByKindAndGiveNoItems) {
  SlowTarget target(std::chrono::microseconds(100),
                    {.ok = false, .error = "UNAVAILABLE: gone"});
  const Measurement m = Measure(target, {.in_flight = 1,
                                         .warm_up = milliseconds(0),
                                         .duration = milliseconds(50)});
  EXPECT_EQ(m.good, 0u);
  EXPECT_EQ(m.items, 0u);
  EXPECT_GT(m.failed, 0u);
  ASSERT_EQ(m.errors.size(), 1u);
  EXPECT_EQ(m.errors.at("UNAVAILABLE: gone"), m.failed);
  EXPECT_GT(m.latency.count(), 0u);
  EXPECT_EQ(m.good_latency.count(), 0u);
}

TEST(RunnerTest, GoodAnswersHaveTheirLatencyTwice) {
  SlowTarget target(std::chrono::microseconds(100));
  const Measurement m = Measure(target, {.in_flight = 1,
                                         .warm_up = milliseconds(0),
                                         .duration = milliseconds(50)});
  EXPECT_GT(m.good_latency.count(), 0u);
  EXPECT_EQ(m.good_latency.count(), m.latency.count());
}

TEST(RunnerTest, CostsAreSummedUp) {
  SlowTarget target(
      std::chrono::microseconds(100),
      {.ok = true, .items = 1, .token_operations = 0.25, .batch = 4});
  const Measurement m = Measure(target, {.in_flight = 1,
                                         .warm_up = milliseconds(0),
                                         .duration = milliseconds(50)});
  EXPECT_DOUBLE_EQ(m.token_operations,
                   static_cast<double>(m.items_with_cost) / 4);
  EXPECT_EQ(m.batch.max().count(), 4);
}

// A service of which the knee is known: up to `knee` it answers in 1 ms, then
// in 100 ms; it never answers more than `capacity`.
Measurement Ideal(const Load& load, double capacity, double knee) {
  Measurement m;
  m.seconds = 1;
  const double rate = load.rate > 0 ? load.rate : capacity;
  m.good = static_cast<uint64_t>(std::min(rate, capacity));
  for (int i = 0; i < static_cast<int>(rate); ++i) {
    m.latency.Record(load.rate > knee ? milliseconds(100) : milliseconds(1));
  }
  return m;
}

TEST(KneeTest, TheKneeIsFoundWhereLatencyRises) {
  const Knee knee = FindKnee({}, {.steps = 12}, [](const Load& load) {
    return Ideal(load, 10000, 6500);
  });
  EXPECT_DOUBLE_EQ(knee.capacity, 10000);
  EXPECT_NEAR(knee.rate, 6500, 10);
}

TEST(KneeTest, ARateThatChanceMadeLowerIsNotHeldAgainstTheService) {
  const Knee knee = FindKnee({}, {.steps = 12}, [](const Load& load) {
    Load came = load;
    came.rate *= 0.94;
    return Ideal(came, 10000, 6500);
  });
  EXPECT_NEAR(knee.rate, 6500 / 0.94, 10);
}

TEST(KneeTest, AServiceThatFallsBehindHasItsKneeAtWhatItAnswers) {
  const Knee knee = FindKnee({}, {.steps = 12}, [](const Load& load) {
    Measurement m = Ideal(load, 10000, 1e9);
    m.good = std::min<uint64_t>(m.good, 5000);
    return load.rate == 0 ? Ideal(load, 10000, 1e9) : m;
  });
  EXPECT_NEAR(knee.rate, 5000 / 0.97, 10);
}

TEST(KneeTest, AServiceThatFailsUnderLightLoadHasNoKnee) {
  const Knee knee = FindKnee({}, {}, [](const Load& load) {
    Measurement m = Ideal(load, 10000, 6500);
    m.failed = load.rate > 0 ? 1 : 0;
    return m;
  });
  EXPECT_EQ(knee.rate, 0);
}

TEST(KneeTest, AServiceThatAnswersNothingHasNone) {
  const Knee knee = FindKnee({}, {}, [](const Load&) {
    Measurement m;
    m.seconds = 1;
    return m;
  });
  EXPECT_EQ(knee.capacity, 0);
  EXPECT_EQ(knee.rate, 0);
}

}  // namespace
}  // namespace strongroom::load
