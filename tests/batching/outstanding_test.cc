#include "batching/outstanding.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "tests/testing/fake_clock.h"

namespace strongroom::batching {
namespace {

using std::chrono::seconds;

class OutstandingTest : public ::testing::Test {
 protected:
  testing::FakeClock clock_;
  std::shared_ptr<Outstanding> outstanding_ =
      std::make_shared<Outstanding>(clock_);
};

TEST_F(OutstandingTest, WithNothingOutstandingNobodyWaitsNotEvenPastTheTime) {
  EXPECT_TRUE(outstanding_->WaitForNone(SteadyTime::min()));
  outstanding_->WaitForNone();
}

TEST_F(OutstandingTest, TheWaitEndsAtItsTimeWhileARequestIsOutstanding) {
  outstanding_->Begin();
  EXPECT_FALSE(outstanding_->WaitForNone(clock_.Steady()));
  outstanding_->End();
  EXPECT_TRUE(outstanding_->WaitForNone(clock_.Steady()));
}

TEST_F(OutstandingTest, AThreadInsideIsWaitedForLikeARequest) {
  std::optional<Outstanding::Hold> hold(outstanding_);
  EXPECT_FALSE(outstanding_->WaitForNone(clock_.Steady()));
  hold.reset();
  EXPECT_TRUE(outstanding_->WaitForNone(clock_.Steady()));
}

TEST_F(OutstandingTest, TheLastEndWakesTheWaiter) {
  for (int round = 0; round < 200; ++round) {
    outstanding_->Begin();
    outstanding_->Begin();
    std::thread ender([&] {
      outstanding_->End();
      outstanding_->End();
    });
    // Only a signal ends this early: the clock stands still.
    EXPECT_TRUE(outstanding_->WaitForNone(clock_.Steady() + seconds(600)));
    ender.join();
  }
}

TEST_F(OutstandingTest, AHoldMayEndAfterTheWaiterHasDroppedItsShare) {
  for (int round = 0; round < 200; ++round) {
    auto counted = std::make_shared<Outstanding>(clock_);
    std::optional<Outstanding::Hold> hold(counted);
    std::thread holder([&] { hold.reset(); });
    counted->WaitForNone();
    counted.reset();
    holder.join();
  }
}

}  // namespace
}  // namespace strongroom::batching
