// Calls that do not come back. PKCS#11 has no cancel, so the worker is written
// off and another takes its place.
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "tests/fault/fault_fixture.h"

namespace strongroom::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

SteadyTime In(milliseconds time) { return Clock::System().Steady() + time; }

class HangFault : public FaultTest {
 protected:
  StatusOr<Bytes> SealWithin(milliseconds time) {
    return SealNow(*device_, kek_.id, aad_, secret_, In(time));
  }
};

TEST_F(HangFault, ACallThatHangsIsAnsweredAtItsDeadline) {
  Open();
  shim_.Direct("hang C_Encrypt until-released\n");
  const SteadyTime start = Clock::System().Steady();
  EXPECT_THAT(SealWithin(milliseconds(100)),
              HasReason(Reason::kDeadlineExceeded));
  const auto took = Clock::System().Steady() - start;
  EXPECT_GE(took, milliseconds(100));
  EXPECT_LT(took, seconds(5));
}

TEST_F(HangFault, TheWorkerThatHangsIsReplaced) {
  Open(/*workers=*/1);
  shim_.Direct("hang C_Encrypt until-released\n");
  EXPECT_THAT(SealWithin(milliseconds(50)),
              HasReason(Reason::kDeadlineExceeded));
  // The only worker still hangs inside the token.
  EXPECT_EQ(shim_.Calls("C_Encrypt", "hangs"), 1u);
  EXPECT_OK(Seal());
  EXPECT_OK(OpenSealed());
  EXPECT_EQ(shim_.Calls("C_Encrypt", "hangs"), 1u);
}

TEST_F(HangFault, TheAnswerOfAReleasedCallHurtsNobody) {
  Open(/*workers=*/1);
  shim_.Direct("hang C_Encrypt until-released\n");
  EXPECT_THAT(SealWithin(milliseconds(50)),
              HasReason(Reason::kDeadlineExceeded));
  shim_.Direct("");
  EXPECT_OK(Seal());
  EXPECT_OK(OpenSealed());
  EXPECT_TRUE(device_->Shutdown(InOneMinute()));
}

TEST_F(HangFault, WhenTooManyHangTheDeviceSaysSoAndRefusesAtOnce) {
  Open(/*workers=*/2);
  shim_.Direct(
      "hang C_Encrypt until-released count=all\n"
      "hang C_Decrypt until-released count=all\n");
  // Each of these costs a worker, until the limit.
  Status last;
  for (int i = 0; i < 100; ++i) {
    last = SealWithin(milliseconds(20)).status();
    if (last.ok() || ReasonOf(last) != Reason::kDeadlineExceeded) break;
  }
  EXPECT_THAT(last, HasReason(Reason::kHsmUnavailable));
  EXPECT_FALSE(device_->Health().healthy());
  EXPECT_THAT(device_->Health().detail, ::testing::HasSubstr("restart"));
  EXPECT_LT(shim_.Calls("C_Encrypt", "hangs"), 100u);
}

TEST_F(HangFault, ACallMayComeBackAfterTheDeviceIsGone) {
  Open();
  shim_.Direct("hang C_Encrypt until-released\n");
  auto answer = std::make_shared<std::promise<StatusOr<Bytes>>>();
  std::future<StatusOr<Bytes>> answered = answer->get_future();
  // Its deadline is far: the device's end must answer for it.
  device_->Seal(kek_.id, aad_, secret_, InOneMinute(),
                [answer](hsm::SealAnswer r) { answer->set_value(r.sealed); });
  while (shim_.Calls("C_Encrypt", "hangs") == 0) std::this_thread::yield();
  EXPECT_FALSE(device_->Shutdown(In(milliseconds(20))));
  device_.reset();
  EXPECT_THAT(answered.get(), HasReason(Reason::kDeadlineExceeded));
  EXPECT_EQ(shim_.Calls("C_Finalize"), 0u);

  // Who comes back last takes down what is left; then the module is free.
  shim_.Direct("");
  while (shim_.Calls("C_Finalize") == 0) std::this_thread::yield();
  ASSERT_OK_AND_ASSIGN(device_, TryOpen(shim_.Options()));
  device_->Adopt(kek_);
  EXPECT_OK(OpenSealed());
}

using HangFaultDeathTest = HangFault;

TEST_F(HangFaultDeathTest, AShutdownThatACallOutlivesSaysSo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // The process must _exit then, so it is one of its own.
  const auto run = [this] {
    Open();
    shim_.Direct("hang C_Encrypt until-released\n");
    if (ReasonOf(SealWithin(milliseconds(50)).status()) !=
        Reason::kDeadlineExceeded) {
      _exit(1);
    }
    _exit(device_->Shutdown(In(milliseconds(50))) ? 2 : 0);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace strongroom::testing
