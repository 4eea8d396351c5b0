// The pipeline's own promises: the gate, deadlines, one record and one answer.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "tests/service/rig.h"

namespace strongroom::service {
namespace {

using ::strongroom::testing::FakeDeviceOptions;
using ::strongroom::testing::HasReason;
using ::testing::HasSubstr;

// CountingMetrics keeps counters and gauges by name and labels.
class CountingMetrics final : public Metrics {
 public:
  class Number final : public Counter, public Gauge, public Histogram {
   public:
    void Add(double amount) override { value_.fetch_add(amount); }
    void Set(double value) override { value_ = value; }
    void Observe(double) override { Add(1); }
    double value() const { return value_; }

   private:
    std::atomic<double> value_{0};
  };

  Counter& GetCounter(std::string_view name, std::string_view,
                      MetricLabels labels) override {
    return Get(name, labels);
  }
  Gauge& GetGauge(std::string_view name, std::string_view,
                  MetricLabels labels) override {
    return Get(name, labels);
  }
  Histogram& GetHistogram(std::string_view name, std::string_view, Buckets,
                          MetricLabels labels) override {
    return Get(name, labels);
  }
  double Value(const std::string& id) {
    MutexLock lock(mutex_);
    auto it = numbers_.find(id);
    return it == numbers_.end() ? -1 : it->second.value();
  }

 private:
  Number& Get(std::string_view name, MetricLabels labels) {
    std::string id(name);
    for (const auto& [key, value] : labels) {
      id += "," + std::string(key) + "=" + std::string(value);
    }
    MutexLock lock(mutex_);
    return numbers_[id];
  }
  Mutex mutex_;
  std::map<std::string, Number> numbers_ SR_GUARDED_BY(mutex_);
};

FakeDeviceOptions ByHand() {
  FakeDeviceOptions options;
  options.manual = true;
  return options;
}

// With a device that moves only when the test says so. Keys are made by calls
// that do not wait for it; only a seal of the known answer does, so a helper
// thread steps it until the key is there.
class SteppedTest : public ::testing::Test {
 protected:
  SteppedTest() : rig_(ByHand(), metrics_) {
    std::atomic<bool> made = false;
    std::thread maker([&] {
      rig_.MakeKey("demo/app");
      made = true;
    });
    while (!made) {
      if (!rig_.device_.RunOne()) std::this_thread::yield();
    }
    maker.join();
  }

  // Wrap starts a request; its answer appears in `answers_`.
  void Wrap(std::optional<SteadyTime> deadline = std::nullopt) {
    Call call = Rig::CallAs("app");
    call.deadline = deadline;
    rig_.service_->Run(ops::kWrap, std::move(call),
                       Rig::SealOf("demo/app", {std::string(Rig::kDek)}),
                       [this](StatusOr<SealResult> result) {
                         answers_.push_back(result.status());
                         records_at_answer_.push_back(rig_.audit_.attempts());
                       });
  }

  CountingMetrics metrics_;
  Rig rig_;
  std::vector<Status> answers_;
  std::vector<int> records_at_answer_;
};

TEST_F(SteppedTest, NobodyWaitsForTheToken) {
  Wrap();
  EXPECT_TRUE(answers_.empty());
  rig_.device_.RunAll();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_OK(answers_[0]);
}

TEST_F(SteppedTest, TheRecordIsWrittenBeforeTheAnswerAndNotBeforeTheWork) {
  int before = rig_.audit_.attempts();
  Wrap();
  EXPECT_EQ(rig_.audit_.attempts(), before);
  rig_.device_.RunAll();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(records_at_answer_[0], before + 1);
  EXPECT_EQ(rig_.audit_.attempts(), before + 1);
}

TEST_F(SteppedTest, AnAuditLogThatFailsMeanwhileWithholdsTheResult) {
  Wrap();
  rig_.audit_.SetFailing(true);
  rig_.device_.RunAll();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_THAT(answers_[0],
              HasReason(Reason::kAuditUnavailable, HasSubstr("withheld")));
}

TEST_F(SteppedTest, DrainWaitsForWhatIsInsideAndRefusesWhatComes) {
  Wrap();
  EXPECT_FALSE(rig_.service_->Drain(rig_.clock_.Steady()));
  Wrap();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_THAT(answers_[0], HasReason(Reason::kDraining));
  rig_.device_.RunAll();
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_OK(answers_[1]);
  EXPECT_TRUE(rig_.service_->Drain(rig_.clock_.Steady()));
}

TEST_F(SteppedTest, ARequestIsInsideUntilItsAnswerHasBeenTaken) {
  bool empty = true;
  rig_.service_->Run(ops::kWrap, Rig::CallAs("app"),
                     Rig::SealOf("demo/app", {std::string(Rig::kDek)}),
                     [&](StatusOr<SealResult>) {
                       empty = rig_.service_->Drain(rig_.clock_.Steady());
                     });
  rig_.device_.RunAll();
  EXPECT_FALSE(empty);
  EXPECT_TRUE(rig_.service_->Drain(rig_.clock_.Steady()));
}

TEST_F(SteppedTest, TheServiceMayEndWhenDrainHasReturned) {
  Wrap();
  std::thread stepper([&] { rig_.device_.RunAll(); });
  EXPECT_TRUE(
      rig_.service_->Drain(rig_.clock_.Steady() + std::chrono::seconds(60)));
  rig_.service_.reset();
  stepper.join();
  EXPECT_OK(answers_.at(0));
}

TEST_F(SteppedTest, ADeadlineBeyondTheRowsIsClampedToIt) {
  // The first request takes the token; the others wait in the engine until
  // their deadlines pass.
  const auto& spec = ops::kWrap.spec;
  for (int i = 0; i < 8; ++i) {
    Wrap(rig_.clock_.Steady() + std::chrono::hours(24));
  }
  rig_.clock_.Advance(spec.max_deadline());
  (void)rig_.engine_->RunDue();
  rig_.device_.RunAll();
  ASSERT_EQ(answers_.size(), 8u);
  int expired = 0;
  for (const Status& status : answers_) {
    if (status.ok()) continue;
    EXPECT_THAT(status, HasReason(Reason::kDeadlineExceeded));
    ++expired;
  }
  EXPECT_GT(expired, 0);
}

TEST_F(SteppedTest, RequestsAreCountedByRpcAndOutcome) {
  EXPECT_EQ(metrics_.Value("strongroom_requests_in_flight"), 0);
  Wrap();
  EXPECT_EQ(metrics_.Value("strongroom_requests_in_flight"), 1);
  Wrap(rig_.clock_.Steady());
  rig_.device_.RunAll();
  EXPECT_EQ(metrics_.Value("strongroom_requests_in_flight"), 0);
  EXPECT_EQ(
      metrics_.Value("strongroom_requests_total,rpc=Wrap,door=test,reason=OK"),
      1);
  EXPECT_EQ(metrics_.Value("strongroom_requests_total,rpc=Wrap,door=test,"
                           "reason=DEADLINE_EXCEEDED"),
            1);
  EXPECT_EQ(metrics_.Value(
                "strongroom_requests_total,rpc=CreateKey,door=test,reason=OK"),
            1);
  EXPECT_EQ(metrics_.Value("strongroom_request_seconds,rpc=Wrap,door=test"), 2);
  EXPECT_EQ(metrics_.Value("strongroom_request_seconds,rpc=Unwrap,door=test"),
            0);
}

TEST(PipelineTest, ADurationIsRecorded) {
  Rig rig;
  rig.MakeKey("demo/app");
  rig.device_.Hold();
  std::thread client([&] { (void)rig.Wrapped("demo/app"); });
  rig.device_.WaitUntilHeld(1);
  rig.clock_.Advance(std::chrono::milliseconds(5));
  rig.device_.Release();
  client.join();
  EXPECT_EQ(rig.audit_.last().record.duration_us, 5000u);
  EXPECT_EQ(rig.audit_.last().record.time, rig.clock_.Now());
}

TEST(PipelineTest, ThePolicyInForceDecides) {
  Rig rig;
  rig.MakeKey("demo/app");
  rig.policy_.Replace(ParsedPolicy(
      "version: 1\nrules:\n- {name: r, who: [\"cn:new\"], may: [use], keys: "
      "[\"**\"]}\n"));
  auto wrap = [&](const char* who) {
    return rig.Seal(Rig::CallAs(who, ops::kWrap),
                    Rig::SealOf("demo/app", {std::string(Rig::kDek)}));
  };
  EXPECT_THAT(wrap("app"), HasReason(Reason::kPermissionDenied));
  EXPECT_OK(wrap("new"));
}

TEST(PipelineTest, ManyClientsAtOnceAreAllAnsweredAndRecordedOnce) {
  constexpr int kThreads = 4;
  constexpr int kEach = 100;
  CountingMetrics metrics;
  Rig rig({}, metrics);
  rig.MakeKey("demo/app");
  int before = rig.audit_.attempts();
  std::atomic<int> ok = 0;
  std::vector<std::thread> clients;
  for (int t = 0; t < kThreads; ++t) {
    clients.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        Bytes token = rig.Wrapped("demo/app");
        auto opened =
            rig.Open(Rig::CallAs("app", ops::kUnwrap), Rig::OpenOf({token}));
        if (opened.ok()) ++ok;
      }
    });
  }
  clients.emplace_back([&] {
    for (int i = 0; i < 5; ++i) rig.Rotate("demo/app");
  });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(ok, kThreads * kEach);
  EXPECT_EQ(rig.audit_.attempts(), before + 2 * kThreads * kEach + 5);
  // An answer is given while its request is still inside.
  ASSERT_TRUE(
      rig.service_->Drain(rig.clock_.Steady() + std::chrono::seconds(60)));
  EXPECT_EQ(metrics.Value("strongroom_requests_in_flight"), 0);
}

}  // namespace
}  // namespace strongroom::service
