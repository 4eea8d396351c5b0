// WorkerPool with calls of the test's own: they do not touch the token, so the
// test decides when each one ends.
#include "hsm/pkcs11/worker_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "strongroom/base/files.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/softhsm.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::hsm {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::strongroom::testing::FakeClock;
using ::strongroom::testing::HasReason;
using ::strongroom::testing::IsOk;
using ::strongroom::testing::SoftHsmToken;

class LastGauge final : public Gauge {
 public:
  void Set(double value) override { value_ = value; }
  double value() const { return value_; }

 private:
  std::atomic<double> value_{-1};
};

// A call that does `work` and tells how it ended; a second answer throws.
class TestCall final : public TokenCall {
 public:
  using Work = std::function<Status(WorkerSession&)>;
  TestCall(SteadyTime deadline, Work work)
      : TokenCall(deadline, /*urgent=*/false), work_(std::move(work)) {}
  void Run(WorkerSession& worker) override { status_ = work_(worker); }
  void Answer() override { Refuse(std::move(status_)); }
  void Refuse(Status why) override { result_.set_value(std::move(why)); }
  std::future<Status> Result() { return result_.get_future(); }

 private:
  const Work work_;
  Status status_;
  std::promise<Status> result_;
};

// Block stops the call that runs its Work until Release.
class Block {
 public:
  ~Block() { Release(); }
  std::function<Status()> Work() const {
    // Shared: a call that is written off may end after the Block did.
    return [state = state_] {
      state->entered.set_value();
      state->released.wait();
      return OkStatus();
    };
  }
  void WaitUntilEntered() { state_->entered.get_future().wait(); }
  void Release() {
    if (!std::exchange(done_, true)) state_->release.set_value();
  }

 private:
  struct State {
    std::promise<void> entered, release;
    std::shared_future<void> released = release.get_future().share();
  };
  bool done_ = false;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

class WorkerPoolTest : public ::testing::Test {
 protected:
  // Without a test's own end, what it blocked is free by now.
  void TearDown() override {
    if (pool_ != nullptr) pool_->Shutdown(SteadyTime::max());
  }
  void Start(int workers, const Clock& clock, size_t queue_limit = 16) {
    const Pkcs11Options options = token_.Options();
    auto module = Module::Load(options.module_path, "").value();
    const Token token = module->FindToken(options.token_label, "").value();
    SecretBytes pin = ReadPrivateFile(options.pin_file).value();
    pin.Truncate(token_.pin().size());
    Counter& counter = NullMetrics().GetCounter("c", "h");
    client_ = std::make_shared<TokenClient>(
        std::move(module),
        TokenLink::Options{token, options.profile, std::move(pin),
                           options.pin_file, &clock});
    ASSERT_THAT(client_->link().Start(), IsOk());
    clock_ = &clock;
    WorkerPool::Options pool{workers,    queue_limit, &clock,  &depth_,
                             &sessions_, &counter,    &counter};
    pool_ = WorkerPool::Create(client_, pool, {});
  }

  std::future<Status> Submit(TestCall::Work work,
                             std::chrono::nanoseconds limit = minutes(1)) {
    auto call =
        std::make_shared<TestCall>(clock_->Steady() + limit, std::move(work));
    std::future<Status> result = call->Result();
    pool_->Submit(std::move(call));
    return result;
  }
  std::future<Status> SubmitBlock(Block& block,
                                  std::chrono::nanoseconds limit = minutes(1)) {
    std::future<Status> result =
        Submit([work = block.Work()](WorkerSession&) { return work(); }, limit);
    block.WaitUntilEntered();
    return result;
  }
  // A call that is inside when its deadline passes: on the fake clock, for on
  // the real one it could pass while the call still waits.
  std::future<Status> SubmitHanging(Block& block) {
    std::future<Status> result = SubmitBlock(block, kLimit);
    fake_clock_.Advance(kLimit);
    return result;
  }
  std::future<Status> SubmitExclusive(
      std::function<Status()> work,
      std::chrono::nanoseconds limit = minutes(1)) {
    return Submit(
        [this, work = std::move(work)](WorkerSession& worker) {
          return pool_->Exclusively(worker, work);
        },
        limit);
  }
  static constexpr milliseconds kLimit{20};
  static Status Nothing(WorkerSession&) { return OkStatus(); }

  SoftHsmToken token_;
  FakeClock fake_clock_;  // outlives the pool
  LastGauge depth_, sessions_;
  const Clock* clock_ = nullptr;
  std::shared_ptr<TokenClient> client_;
  std::shared_ptr<WorkerPool> pool_;
};

TEST_F(WorkerPoolTest, AnExclusiveCallIsAloneInTheToken) {
  Start(4, Clock::System(), /*queue_limit=*/1000);
  std::atomic<int> inside = 0;
  std::atomic<int> seen = 0;
  std::vector<std::future<Status>> results;
  for (int i = 0; i < 200; ++i) {
    if (i % 20 == 0) {
      results.push_back(SubmitExclusive([&] {
        seen += inside;
        std::this_thread::yield();
        seen += inside;
        return OkStatus();
      }));
      continue;
    }
    results.push_back(Submit([&](WorkerSession&) {
      ++inside;
      std::this_thread::yield();
      --inside;
      return OkStatus();
    }));
  }
  for (auto& result : results) EXPECT_THAT(result.get(), IsOk());
  EXPECT_EQ(seen, 0);
}

TEST_F(WorkerPoolTest, ATokenThatDoesNotComeToRestRefusesTheChangeAlone) {
  Start(3, Clock::System());
  Block block;
  std::future<Status> running = SubmitBlock(block);
  bool ran = false;
  EXPECT_THAT(SubmitExclusive([&] {
                ran = true;
                return OkStatus();
              }).get(),
              HasReason(Reason::kHsmBusy));
  EXPECT_FALSE(ran);
  EXPECT_THAT(Submit(Nothing).get(), IsOk());
  block.Release();
  EXPECT_THAT(running.get(), IsOk());
}

TEST_F(WorkerPoolTest, AnExclusiveCallThatHangsDoesNotStopTheOthersForEver) {
  Start(2, fake_clock_);
  Block block;
  std::future<Status> change = SubmitExclusive(block.Work(), kLimit);
  block.WaitUntilEntered();
  std::future<Status> other = Submit(Nothing);
  fake_clock_.Advance(kLimit);
  EXPECT_THAT(change.get(), HasReason(Reason::kDeadlineExceeded));
  EXPECT_THAT(other.get(), IsOk());
  EXPECT_EQ(pool_->Read().hanging, 1);
  // While a call hangs, no change is alone; nobody waits to find that out.
  EXPECT_THAT(SubmitExclusive([] { return OkStatus(); }).get(),
              HasReason(Reason::kHsmBusy));
  block.Release();
}

TEST_F(WorkerPoolTest, TooManyHangingCallsWantARestartUntilTheyComeBack) {
  Start(1, fake_clock_);
  Block one, two;
  std::future<Status> first = SubmitHanging(one);
  EXPECT_THAT(first.get(), HasReason(Reason::kDeadlineExceeded));
  EXPECT_FALSE(pool_->Read().restart_wanted);
  std::future<Status> second = SubmitBlock(two, kLimit);
  std::future<Status> waiting = Submit(Nothing);
  fake_clock_.Advance(kLimit);
  EXPECT_THAT(second.get(), HasReason(Reason::kDeadlineExceeded));
  EXPECT_THAT(waiting.get(), HasReason(Reason::kHsmUnavailable));
  EXPECT_TRUE(pool_->Read().restart_wanted);
  EXPECT_THAT(Submit(Nothing).get(), HasReason(Reason::kHsmUnavailable));

  one.Release();
  two.Release();
  while (pool_->Read().hanging > 0) std::this_thread::yield();
  EXPECT_FALSE(pool_->Read().restart_wanted);
  EXPECT_THAT(Submit(Nothing).get(), IsOk());
}

TEST_F(WorkerPoolTest, AShutdownDoesNotEndBeforeAHangingCallDoes) {
  Start(1, fake_clock_);
  Block block;
  EXPECT_THAT(SubmitHanging(block).get(), HasReason(Reason::kDeadlineExceeded));
  EXPECT_FALSE(pool_->Shutdown(clock_->Steady() + milliseconds(20)));
  EXPECT_THAT(Submit(Nothing).get(), HasReason(Reason::kDraining));
  block.Release();
  EXPECT_TRUE(pool_->Shutdown(clock_->Steady() + minutes(1)));
}

TEST_F(WorkerPoolTest, WhatHangsIsRefusedOnAbandonAndTakesDownWhatIsLeft) {
  Start(2, fake_clock_);
  Block block;
  std::future<Status> hangs = SubmitBlock(block);
  Block other;
  std::future<Status> written_off = SubmitHanging(other);
  EXPECT_THAT(written_off.get(), HasReason(Reason::kDeadlineExceeded));
  EXPECT_FALSE(pool_->Shutdown(clock_->Steady() + milliseconds(20)));
  pool_->Abandon();
  EXPECT_THAT(hangs.get(), HasReason(Reason::kDeadlineExceeded));

  const std::weak_ptr<WorkerPool> pool = std::exchange(pool_, nullptr);
  const std::weak_ptr<TokenClient> client = std::exchange(client_, nullptr);
  block.Release();
  EXPECT_FALSE(client.expired());
  other.Release();
  while (!pool.expired() || !client.expired()) std::this_thread::yield();
}

TEST_F(WorkerPoolTest, ATokenShortOfSessionsGetsFewerWorkersForAWhile) {
  Start(3, fake_clock_);
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(Submit([](WorkerSession& worker) {
                  worker.shrink = true;
                  return OkStatus();
                }).get(),
                IsOk());
  }
  // The last worker stays, whatever the token says.
  while (pool_->Read().workers > 1) std::this_thread::yield();
  EXPECT_THAT(Submit(Nothing).get(), IsOk());
  EXPECT_EQ(pool_->Read().workers, 1);

  fake_clock_.Advance(seconds(31));
  // The keeper sleeps in real time; a call due before its waking wakes it.
  while (pool_->Read().workers < 3) {
    EXPECT_THAT(Submit(Nothing, seconds(-10)).get(),
                HasReason(Reason::kDeadlineExceeded));
  }
}

TEST_F(WorkerPoolTest, TheQueueGaugeShowsWhatWaits) {
  Start(1, Clock::System(), /*queue_limit=*/2);
  Block block;
  std::future<Status> running = SubmitBlock(block);
  EXPECT_EQ(depth_.value(), 0);
  std::future<Status> one = Submit(Nothing);
  std::future<Status> two = Submit(Nothing);
  EXPECT_EQ(depth_.value(), 2);
  const Status full = Submit(Nothing).get();
  EXPECT_THAT(full, HasReason(Reason::kHsmBusy));
  EXPECT_TRUE(RetryAfterOf(full).has_value());
  block.Release();
  EXPECT_THAT(two.get(), IsOk());
  EXPECT_EQ(depth_.value(), 0);
}

}  // namespace
}  // namespace strongroom::hsm
