// A device that fails, and one that is well although it answers as if it
// failed.
#include <gmock/gmock.h>

#include <string>

#include "tests/fault/fault_fixture.h"

namespace strongroom::testing {
namespace {

using ::testing::AnyOf;
using ::testing::Values;

class DeviceFault : public FakeClockFaultTest {};

class DeviceAway : public DeviceFault,
                   public ::testing::WithParamInterface<const char*> {};

// Calls until the device admits one, as a patient client does.
Status RetryAsAsked(FakeClock& clock, const std::function<Status()>& call) {
  Status status = call();
  for (int i = 0; i < 20 && !status.ok(); ++i) {
    if (!RetryAfterOf(status)) return status;
    clock.Advance(*RetryAfterOf(status));
    status = call();
  }
  return status;
}

TEST_P(DeviceAway, IsUnavailableWithADelayAndComesBackWithoutARestart) {
  Open();
  shim_.Direct(std::string("fail C_EncryptInit ") + GetParam() +
               " count=all\nfail C_DecryptInit " + GetParam() + " count=all\n");
  const StatusOr<Bytes> failed = Seal();
  EXPECT_THAT(failed, HasReason(Reason::kHsmUnavailable));
  EXPECT_TRUE(RetryAfterOf(failed.status()).has_value());
  EXPECT_THAT(OpenSealed(), HasReason(Reason::kHsmUnavailable));
  EXPECT_FALSE(device_->Health().healthy());
  EXPECT_NE(device_->Health().detail, "");

  shim_.Direct("");
  EXPECT_OK(RetryAsAsked(fake_clock_, [this] { return OpenSealed(); }));
  EXPECT_OK(Seal());
  EXPECT_TRUE(device_->Health().healthy()) << device_->Health().detail;
}

INSTANTIATE_TEST_SUITE_P(
    , DeviceAway,
    Values("CKR_DEVICE_ERROR", "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT",
           "CKR_TOKEN_NOT_RECOGNIZED", "CKR_CRYPTOKI_NOT_INITIALIZED"),
    [](const auto& value) { return std::string(value.param); });

TEST_F(DeviceFault, WhileTheTokenIsAwayCallsDoNotReachIt) {
  Open();
  shim_.Direct("fail C_EncryptInit CKR_DEVICE_ERROR count=all\n");
  EXPECT_THAT(Seal(), HasReason(Reason::kHsmUnavailable));
  shim_.ForgetCalls();
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(Seal(), HasReason(Reason::kHsmUnavailable));
  }
  EXPECT_LE(shim_.Calls("C_EncryptInit"), 1u);
}

TEST_F(DeviceFault, ARetryThatFailsTooKeepsTheDeviceAway) {
  Open();
  shim_.Direct(
      "fail C_EncryptInit CKR_DEVICE_ERROR count=all\n"
      "fail C_DecryptInit CKR_DEVICE_ERROR count=all\n");
  EXPECT_THAT(RetryAsAsked(fake_clock_, [this] { return Seal().status(); }),
              HasReason(Reason::kHsmUnavailable));
  shim_.Direct("");
  EXPECT_OK(RetryAsAsked(fake_clock_, [this] { return OpenSealed(); }));
}

TEST_F(DeviceFault, TenThousandForgedSealsCloseNoSession) {
  Open();
  Bytes forged = sealed_;
  forged[forged.size() / 2] ^= 1;
  for (int i = 0; i < 10000; ++i) {
    ASSERT_THAT(OpenNow(*device_, kek_.id, aad_, forged),
                HasReason(Reason::kNotAuthentic));
  }
  EXPECT_EQ(shim_.Calls("C_OpenSession"), 0u);
  EXPECT_EQ(shim_.Calls("C_CloseSession"), 0u);
  EXPECT_EQ(shim_.Calls("C_Login"), 0u);
  const hsm::DeviceHealth after = device_->Health();
  EXPECT_EQ(after.sessions_open, before_.sessions_open);
  EXPECT_EQ(after.sessions_replaced, before_.sessions_replaced);
  EXPECT_TRUE(after.healthy()) << after.detail;
  EXPECT_OK(OpenSealed());
}

TEST_F(DeviceFault, GoodDataIsNotCalledForgedWhenTheDeviceIsWhatFails) {
  Open();
  shim_.Direct("fail C_Decrypt CKR_GENERAL_ERROR count=all\n");
  EXPECT_THAT(OpenSealed(), AnyOf(HasReason(Reason::kHsmUnavailable),
                                  HasReason(Reason::kHsmUnexpected)));
  shim_.Direct("");
  EXPECT_OK(RetryAsAsked(fake_clock_, [this] { return OpenSealed(); }));
}

TEST_F(DeviceFault, ATokenThatIsOutOfMemoryOrSessionsIsBusyAndNotBroken) {
  Open();
  for (const char* value :
       {"CKR_SESSION_COUNT", "CKR_DEVICE_MEMORY", "CKR_HOST_MEMORY"}) {
    shim_.Direct(std::string("fail C_EncryptInit ") + value + "\n");
    EXPECT_THAT(Seal(), HasReason(Reason::kHsmBusy)) << value;
    EXPECT_TRUE(device_->Health().healthy()) << value;
    EXPECT_OK(OpenSealed()) << value;
  }
}

TEST_F(DeviceFault, WhatNobodyForesawIsAnInternalErrorAndTheSessionIsDropped) {
  Open();
  for (const char* value :
       {"CKR_FUNCTION_FAILED", "CKR_ARGUMENTS_BAD", "0x80000001"}) {
    shim_.Direct(std::string("fail C_Encrypt ") + value + "\n");
    EXPECT_THAT(Seal(), HasReason(Reason::kHsmUnexpected)) << value;
    EXPECT_OK(RetryAsAsked(fake_clock_, [this] { return Seal().status(); }))
        << value;
  }
  EXPECT_GT(device_->Health().sessions_replaced, before_.sessions_replaced);
}

// The token was away, and what was one KEK's handle names another KEK now.
class SwappedHandles : public DeviceFault {
 protected:
  void OpenWithTwoKeks() {
    Open();
    ASSERT_OK_AND_ASSIGN(hsm::KekReference other, MakeKek(*device_));
    ASSERT_OK(SealNow(*device_, other.id, aad_, secret_));
    shim_.ForgetCalls();
    ASSERT_OK(OpenSealed());
    ASSERT_OK(OpenNow(*device_, other.id, other.known_answer.aad,
                      other.known_answer.sealed));
    const std::vector<unsigned long> handles = shim_.Handles("C_DecryptInit");
    ASSERT_EQ(handles.size(), 2u);
    ASSERT_NE(handles[0], handles[1]);
    swap_ = "swap-handles " + std::to_string(handles[0]) + " " +
            std::to_string(handles[1]) + "\n";
  }
  void SealsUnderTheRightKek() {
    Bytes sealed;
    EXPECT_OK(RetryAsAsked(fake_clock_, [&]() -> Status {
      SR_ASSIGN_OR_RETURN(sealed, Seal());
      return OkStatus();
    }));
    EXPECT_OK(OpenSealed());
    logins_ = shim_.Calls("C_Login");
    shim_.Direct("");
    device_ = nullptr;
    ASSERT_OK_AND_ASSIGN(device_, TryOpen(shim_.Options()));
    device_->Adopt(kek_);
    EXPECT_OK(OpenNow(*device_, kek_.id, aad_, sealed));
  }

  std::string swap_;
  size_t logins_ = 0;
};

TEST_F(SwappedHandles, AreNotTrustedAfterAReinitialise) {
  OpenWithTwoKeks();
  shim_.Direct(swap_ + "fail C_EncryptInit CKR_DEVICE_REMOVED at=1\n");
  EXPECT_THAT(Seal(), HasReason(Reason::kHsmUnavailable));
  shim_.Direct(swap_ + "drop-sessions\n");
  SealsUnderTheRightKek();
}

TEST_F(SwappedHandles, AreNotTrustedEvenIfSessionsAndLoginOutlivedTheAbsence) {
  OpenWithTwoKeks();
  shim_.Direct(swap_ + "fail C_EncryptInit CKR_DEVICE_REMOVED at=1\n");
  EXPECT_THAT(Seal(), HasReason(Reason::kHsmUnavailable));
  SealsUnderTheRightKek();
  EXPECT_EQ(logins_, 0u);
}

TEST_F(SwappedHandles, AreNotTrustedAfterASessionWasLostButNotTheLogin) {
  OpenWithTwoKeks();
  shim_.Direct(swap_ + "drop-sessions except-oldest\n");
  SealsUnderTheRightKek();
  EXPECT_EQ(logins_, 0u);
}

TEST_F(DeviceFault, ATokenThatComesBackWithoutTheKekIsWellButMissesIt) {
  Open();
  ASSERT_OK_AND_ASSIGN(hsm::KekReference other, MakeKek(*device_));
  shim_.Direct("fail C_EncryptInit CKR_TOKEN_NOT_PRESENT at=1\n");
  EXPECT_THAT(Seal(), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(device_->Health().condition, hsm::DeviceCondition::kAway);
  // It is back, with the object under another id.
  other.id = Uuid::Random();
  device_->Adopt(other);
  fake_clock_.Advance(std::chrono::seconds(10));
  EXPECT_THAT(device_->Prove(other.id), HasReason(Reason::kKekNotOnToken));
  EXPECT_EQ(device_->Health().condition, hsm::DeviceCondition::kKekMissing);
  EXPECT_OK(OpenSealed());
}

TEST_F(DeviceFault, AProbeFindsOutThatTheTokenIsAwayAndThatItIsBack) {
  Open();
  shim_.Direct("fail C_DecryptInit CKR_DEVICE_REMOVED count=all\n");
  EXPECT_THAT(device_->Probe(), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(device_->Health().condition, hsm::DeviceCondition::kAway);
  EXPECT_FALSE(device_->Health().usable());
  shim_.Direct("");
  EXPECT_OK(RetryAsAsked(fake_clock_, [this] { return device_->Probe(); }));
  EXPECT_TRUE(device_->Health().healthy()) << device_->Health().detail;
}

TEST_F(DeviceFault, AKekThatCouldNotBeMadeLeavesNothingBehind) {
  Open();
  for (const char* value : {"CKR_DEVICE_MEMORY", "CKR_FUNCTION_FAILED"}) {
    shim_.Direct(std::string("fail C_GenerateKey ") + value + " count=all\n");
    EXPECT_FALSE(device_->CreateKek(Uuid::Random(), "unlucky").ok()) << value;
    shim_.Direct("");
    ASSERT_OK(RetryAsAsked(fake_clock_, [this] { return OpenSealed(); }));
    EXPECT_EQ(device_->List().value().size(), 1u) << value;
  }
}

TEST_F(DeviceFault, AKekWhoseAnswerWasLostIsFoundByItsIdAndCanBeRemoved) {
  Open();
  shim_.Direct("fail C_GenerateKey CKR_DEVICE_ERROR after\n");
  const Uuid id = Uuid::Random();
  EXPECT_FALSE(device_->CreateKek(id, "unlucky").ok());
  shim_.Direct("");
  EXPECT_OK(RetryAsAsked(fake_clock_, [&] { return device_->DestroyKek(id); }));
  EXPECT_EQ(device_->List().value().size(), 1u);
}

TEST_F(DeviceFault, ADestroyThatDidNotHappenIsNotCalledDone) {
  Open();
  shim_.Direct("fail C_DestroyObject CKR_FUNCTION_FAILED count=all\n");
  EXPECT_FALSE(device_->DestroyKek(kek_.id).ok());
  shim_.Direct("fail C_DestroyObject CKR_OK count=all\n");
  EXPECT_FALSE(device_->DestroyKek(kek_.id).ok());
  shim_.Direct("");
  EXPECT_OK(RetryAsAsked(fake_clock_,
                         [this] { return device_->DestroyKek(kek_.id); }));
  EXPECT_EQ(device_->List().value().size(), 0u);
}

}  // namespace
}  // namespace strongroom::testing
