#include "hsm/pkcs11/device_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::hsm {
namespace {

using std::chrono::milliseconds;
using ::strongroom::testing::FakeClock;
using ::strongroom::testing::HasReason;
using ::strongroom::testing::IsOk;
using ::testing::HasSubstr;

class DeviceStateTest : public ::testing::Test {
 protected:
  milliseconds Lost() {
    const Status status = state_.Lost("CKR_DEVICE_ERROR");
    EXPECT_THAT(status, HasReason(Reason::kHsmUnavailable));
    return RetryAfterOf(status).value();
  }

  FakeClock clock_;
  DeviceState state_{clock_};
};

TEST_F(DeviceStateTest, AWellTokenAdmitsEverybody) {
  for (int i = 0; i < 10; ++i) EXPECT_THAT(state_.Admit(), IsOk());
  EXPECT_EQ(state_.detail(), "");
}

TEST_F(DeviceStateTest, ATokenThatWentAwayAdmitsNobodyBeforeTheDelay) {
  const milliseconds delay = Lost();
  EXPECT_EQ(delay, DeviceState::kFirstDelay);
  EXPECT_THAT(state_.detail(), HasSubstr("CKR_DEVICE_ERROR"));
  clock_.Advance(delay - milliseconds(1));
  const Status refused = state_.Admit();
  EXPECT_THAT(refused, HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(RetryAfterOf(refused), milliseconds(1));
}

TEST_F(DeviceStateTest, OneCallPerIntervalMayTry) {
  clock_.Advance(Lost());
  EXPECT_THAT(state_.Admit(), IsOk());
  EXPECT_THAT(state_.Admit(), HasReason(Reason::kHsmUnavailable));
  // The one that tries may hang: then another is let through later.
  clock_.Advance(DeviceState::kFirstDelay);
  EXPECT_THAT(state_.Admit(), IsOk());
}

TEST_F(DeviceStateTest, EveryFailedTryDoublesTheDelayUpToALimit) {
  milliseconds wanted = Lost();
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(wanted);
    ASSERT_THAT(state_.Admit(), IsOk());
    wanted = std::min(2 * wanted, DeviceState::kMaxDelay);
    EXPECT_EQ(Lost(), wanted);
  }
  EXPECT_EQ(wanted, DeviceState::kMaxDelay);
}

TEST_F(DeviceStateTest, CallsThatWereUnderWayDoNotLengthenTheDelay) {
  Lost();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(Lost(), DeviceState::kFirstDelay);
  clock_.Advance(DeviceState::kFirstDelay);
  EXPECT_THAT(state_.Admit(), IsOk());
}

TEST_F(DeviceStateTest, ACallThatWorksEndsItAndTheNextLossStartsAnew) {
  Lost();
  clock_.Advance(DeviceState::kFirstDelay);
  ASSERT_THAT(state_.Admit(), IsOk());
  EXPECT_GT(Lost(), DeviceState::kFirstDelay);
  state_.Well();
  EXPECT_THAT(state_.Admit(), IsOk());
  EXPECT_EQ(state_.detail(), "");
  EXPECT_EQ(Lost(), DeviceState::kFirstDelay);
}

}  // namespace
}  // namespace strongroom::hsm
