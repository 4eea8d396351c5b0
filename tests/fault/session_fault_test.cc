// Sessions and logins that the token loses: nobody who calls may notice.
#include <gmock/gmock.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "tests/fault/fault_fixture.h"

namespace strongroom::testing {
namespace {

using ::testing::Combine;
using ::testing::Values;

class SessionFault : public FaultTest {};

TEST_F(SessionFault, DroppedSessionsAreReplacedAndNoCallerNotices) {
  Open();
  shim_.Direct("drop-sessions except-oldest\n");
  EXPECT_OK(Seal());
  EXPECT_OK(OpenSealed());
  const hsm::DeviceHealth after = device_->Health();
  EXPECT_GT(after.sessions_replaced, before_.sessions_replaced);
  EXPECT_EQ(after.sessions_open, before_.sessions_open);
  EXPECT_TRUE(after.healthy()) << after.detail;
}

TEST_F(SessionFault, AllSessionsDroppedAndWithThemTheLoginIsHealed) {
  Open();
  shim_.Direct("drop-sessions\n");
  EXPECT_OK(Seal());
  EXPECT_OK(OpenSealed());
  EXPECT_EQ(shim_.Calls("C_Login", "CKR_OK"), 1u);
  EXPECT_TRUE(device_->Health().healthy()) << device_->Health().detail;
}

TEST_F(SessionFault, ALostLoginIsMadeAgainOnceAndNoCallerNotices) {
  Open();
  shim_.Direct("logout\n");
  EXPECT_OK(OpenSealed());
  EXPECT_OK(Seal());
  EXPECT_EQ(shim_.Calls("C_Login", "CKR_OK"), 1u);
  EXPECT_EQ(device_->Health().logins, before_.logins + 1);
  EXPECT_TRUE(device_->Health().healthy()) << device_->Health().detail;
}

TEST_F(SessionFault, BlockingCallsSurviveLostSessionsAndLogins) {
  Open();
  for (const char* loss : {"drop-sessions\n", "logout\n"}) {
    shim_.Direct(loss);
    EXPECT_OK(device_->Probe()) << loss;
    shim_.Direct("");
    shim_.Direct(loss);
    EXPECT_OK(device_->Prove(kek_.id)) << loss;
    shim_.Direct("");
    shim_.Direct(loss);
    const Uuid id = Uuid::Random();
    EXPECT_OK(device_->CreateKek(id, "made after a loss")) << loss;
    shim_.Direct("");
    shim_.Direct(loss);
    EXPECT_OK(device_->DestroyKek(id)) << loss;
    shim_.Direct("");
    shim_.Direct(loss);
    StatusOr<std::vector<hsm::TokenObject>> objects = device_->List();
    ASSERT_OK(objects) << loss;
    EXPECT_EQ(objects->size(), 1u) << loss;
  }
}

TEST_F(SessionFault, UnderLoadNoCallerNoticesLostSessionsAndLogins) {
  Open(/*workers=*/4);
  std::atomic<bool> stop = false;
  std::array<std::atomic<int>, 4> calls{};
  std::vector<std::thread> threads;
  for (std::atomic<int>& mine : calls) {
    threads.emplace_back([&] {
      while (!stop) {
        EXPECT_OK(Seal());
        EXPECT_OK(OpenSealed());
        ++mine;
      }
    });
  }
  for (const char* loss :
       {"drop-sessions except-oldest\n", "logout\n", "drop-sessions\n",
        "drop-sessions except-oldest\n"}) {
    shim_.Direct(loss);
    // Every thread comes past the loss: a call is retried once, so none may
    // meet two of them.
    for (std::atomic<int>& each : calls) {
      const int seen = each;
      while (each < seen + 5) std::this_thread::yield();
    }
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(device_->Health().healthy()) << device_->Health().detail;
}

// What one call of one function answers, and the call still succeeds.
class TransparentFault : public FaultTest,
                         public ::testing::WithParamInterface<
                             std::tuple<const char*, const char*>> {};

TEST_P(TransparentFault, IsRetriedOnceAndSucceeds) {
  const auto [function, value] = GetParam();
  Open();
  const std::string name(function);
  shim_.Direct("fail " + name + " " + value + " at=1\n");
  if (name.find("Encrypt") != name.npos) {
    EXPECT_OK(Seal());
  } else {
    EXPECT_OK(OpenSealed());
  }
  EXPECT_EQ(shim_.Calls(function, value), 1u);
  EXPECT_TRUE(device_->Health().healthy()) << device_->Health().detail;
  EXPECT_EQ(device_->Health().sessions_open, before_.sessions_open);
  EXPECT_OK(Seal());
  EXPECT_OK(OpenSealed());
}

std::string FaultName(
    const ::testing::TestParamInfo<TransparentFault::ParamType>& fault) {
  return std::string(std::get<0>(fault.param)) + "_" + std::get<1>(fault.param);
}

INSTANTIATE_TEST_SUITE_P(
    , TransparentFault,
    Combine(Values("C_EncryptInit", "C_Encrypt", "C_DecryptInit", "C_Decrypt"),
            Values("CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_CLOSED",
                   "CKR_OPERATION_ACTIVE", "CKR_USER_NOT_LOGGED_IN")),
    FaultName);
INSTANTIATE_TEST_SUITE_P(Handles, TransparentFault,
                         Combine(Values("C_EncryptInit", "C_DecryptInit"),
                                 Values("CKR_KEY_HANDLE_INVALID",
                                        "CKR_OBJECT_HANDLE_INVALID")),
                         FaultName);

// What one call of the seal answers, and what is said to be lost.
struct SealFault {
  const char* function;
  const char* value;
  hsm::SealLoss loss;
};
class MayHaveSealedFault : public FaultTest,
                           public ::testing::WithParamInterface<SealFault> {};

TEST_P(MayHaveSealedFault, IsAnsweredAndMendedAndTheSealIsNotRepeated) {
  const auto& [function, value, loss] = GetParam();
  Open();
  shim_.Direct(std::string("fail ") + function + " " + value + " at=1\n");
  const hsm::SealAnswer answer =
      SealOnce(*device_, kek_.id, aad_, secret_, deadline());
  EXPECT_EQ(answer.may_have_sealed, loss);
  EXPECT_FALSE(answer.sealed.ok());
  EXPECT_EQ(shim_.Calls("C_EncryptInit"), 1u);
  EXPECT_TRUE(device_->Health().healthy()) << device_->Health().detail;
  const hsm::SealAnswer next =
      SealOnce(*device_, kek_.id, aad_, secret_, deadline());
  EXPECT_OK(next.sealed);
  EXPECT_EQ(shim_.Calls("C_EncryptInit"), 2u);
  EXPECT_EQ(device_->Health().sessions_open, before_.sessions_open);
}

INSTANTIATE_TEST_SUITE_P(
    , MayHaveSealedFault,
    Values(
        SealFault{"C_EncryptInit", "CKR_SESSION_HANDLE_INVALID",
                  hsm::SealLoss::kSession},
        SealFault{"C_Encrypt", "CKR_SESSION_HANDLE_INVALID",
                  hsm::SealLoss::kSession},
        SealFault{"C_Encrypt", "CKR_SESSION_CLOSED", hsm::SealLoss::kSession},
        SealFault{"C_EncryptInit", "CKR_OPERATION_ACTIVE",
                  hsm::SealLoss::kSession},
        SealFault{"C_EncryptInit", "CKR_USER_NOT_LOGGED_IN",
                  hsm::SealLoss::kLogin},
        SealFault{"C_Encrypt", "CKR_USER_NOT_LOGGED_IN", hsm::SealLoss::kLogin},
        SealFault{"C_EncryptInit", "CKR_KEY_HANDLE_INVALID",
                  hsm::SealLoss::kHandle},
        SealFault{"C_EncryptInit", "CKR_OBJECT_HANDLE_INVALID",
                  hsm::SealLoss::kHandle}),
    [](const ::testing::TestParamInfo<SealFault>& fault) {
      return std::string(fault.param.function) + "_" + fault.param.value;
    });

TEST_F(SessionFault, ASessionLostBeforeTheSealIsReplacedWithinTheCall) {
  Open();
  // The known answer runs before the seal, and finds the session lost.
  device_->Adopt(kek_);
  shim_.Direct("drop-sessions\n");
  const hsm::SealAnswer answer =
      SealOnce(*device_, kek_.id, aad_, secret_, deadline());
  EXPECT_OK(answer.sealed);
  EXPECT_EQ(shim_.Calls("C_EncryptInit"), 1u);
}

TEST_F(SessionFault, AFailureThatIsNoLossIsNotMayHaveSealed) {
  Open();
  for (const char* value :
       {"CKR_FUNCTION_FAILED", "CKR_DEVICE_ERROR", "CKR_DEVICE_MEMORY"}) {
    shim_.Direct(std::string("fail C_Encrypt ") + value + " at=1\n");
    const hsm::SealAnswer answer =
        SealOnce(*device_, kek_.id, aad_, secret_, deadline());
    EXPECT_FALSE(answer.sealed.ok()) << value;
    EXPECT_EQ(answer.may_have_sealed, std::nullopt) << value;
    shim_.Direct("");
    while (!device_->Probe().ok()) std::this_thread::yield();
  }
}

TEST_F(SessionFault, ASessionThatIsLostAgainAndAgainIsNotRetriedForEver) {
  Open();
  shim_.Direct("fail C_EncryptInit CKR_SESSION_HANDLE_INVALID count=all\n");
  EXPECT_THAT(Seal(), ::testing::Not(IsOk()));
  EXPECT_LE(shim_.Calls("C_EncryptInit"), 3u);
  shim_.Direct("");
  EXPECT_OK(Seal());
}

TEST_F(SessionFault, AHandleThatStaysInvalidMeansTheKekIsNotThere) {
  Open();
  shim_.Direct(
      "fail C_EncryptInit CKR_KEY_HANDLE_INVALID count=all\n"
      "fail C_DecryptInit CKR_KEY_HANDLE_INVALID count=all\n");
  EXPECT_THAT(Seal(), HasReason(Reason::kKekNotOnToken));
  EXPECT_THAT(OpenSealed(), HasReason(Reason::kKekNotOnToken));
  EXPECT_LE(shim_.Calls("C_EncryptInit"), 3u);
}

}  // namespace
}  // namespace strongroom::testing
