// PINs: tried once, never again after a refusal, because tokens lock.
#include <gmock/gmock.h>

#include <string>

#include "tests/fault/fault_fixture.h"

namespace strongroom::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class LoginFault : public FaultTest {
 protected:
  // A device whose PIN file has this content.
  Status OpenWithPin(std::string_view contents, unsigned mode = 0600) {
    hsm::Pkcs11Options options = shim_.Options();
    options.pin_file = shim_.token().dir().Write("other-pin", contents, mode);
    return TryOpen(options).status();
  }
};

TEST_F(LoginFault, AWrongPinIsTriedExactlyOnceAndNotShown) {
  const Status status = OpenWithPin("wrong-pin-1234\n");
  EXPECT_THAT(status, HasReason(Reason::kHsmLoginRefused));
  const std::string message(MessageOf(status));
  EXPECT_THAT(message, Not(HasSubstr("wrong-pin")));
  EXPECT_THAT(message, HasSubstr(shim_.token().dir().File("other-pin")));
  EXPECT_THAT(message, HasSubstr("restart"));
  EXPECT_THAT(message, HasSubstr("lock at the third"));
  EXPECT_EQ(shim_.Calls("C_Login"), 1u);
}

TEST_F(LoginFault, ALockedOrExpiredPinIsTriedExactlyOnce) {
  for (const char* value :
       {"CKR_PIN_LOCKED", "CKR_PIN_EXPIRED", "CKR_PIN_INCORRECT"}) {
    shim_.ForgetCalls();
    shim_.Direct(std::string("fail C_Login ") + value + " count=all\n");
    EXPECT_THAT(TryOpen(shim_.Options()).status(),
                HasReason(Reason::kHsmLoginRefused,
                          AllOf(HasSubstr(value), HasSubstr("restart"),
                                HasSubstr(shim_.token().pin_file()))))
        << value;
    EXPECT_EQ(shim_.Calls("C_Login"), 1u) << value;
  }
}

TEST_F(LoginFault, AfterARefusalTheRightPinStillOpensTheToken) {
  EXPECT_THAT(OpenWithPin("wrong"), HasReason(Reason::kHsmLoginRefused));
  Open();
  EXPECT_OK(OpenSealed());
}

TEST_F(LoginFault, ATokenThatIsLoggedInAlreadyIsFine) {
  shim_.Direct("fail C_Login CKR_USER_ALREADY_LOGGED_IN count=all after\n");
  Open();
  EXPECT_OK(OpenSealed());
}

TEST_F(LoginFault, APinFileOthersCanReadIsRefusedBeforeTheTokenIsAsked) {
  for (const unsigned mode : {0640u, 0604u, 0660u, 0666u}) {
    EXPECT_THAT(OpenWithPin(shim_.token().pin(), mode),
                HasReason(Reason::kFileNotPrivate, HasSubstr("other-pin")))
        << mode;
  }
  EXPECT_EQ(shim_.Calls("C_Login"), 0u);
}

TEST_F(LoginFault, AMissingPinFileIsNamed) {
  hsm::Pkcs11Options options = shim_.Options();
  options.pin_file = shim_.token().dir().File("nowhere");
  EXPECT_THAT(TryOpen(options).status(),
              HasReason(Reason::kFileUnreadable, HasSubstr("nowhere")));
  EXPECT_EQ(shim_.Calls("C_Login"), 0u);
}

TEST_F(LoginFault, OneTrailingNewlineOfThePinFileIsDropped) {
  EXPECT_OK(OpenWithPin(shim_.token().pin()));
  EXPECT_OK(OpenWithPin(shim_.token().pin() + "\n"));
  EXPECT_THAT(OpenWithPin(shim_.token().pin() + " \n"),
              HasReason(Reason::kHsmLoginRefused));
}

TEST_F(LoginFault, ALostLoginThatIsRefusedStopsTheDeviceUntilAnOperatorActs) {
  Open();
  shim_.Direct("logout\nfail C_Login CKR_PIN_INCORRECT count=all\n");
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(Seal(), HasReason(Reason::kHsmLoginRefused));
    EXPECT_THAT(OpenSealed(), HasReason(Reason::kHsmLoginRefused));
  }
  EXPECT_THAT(device_->Prove(kek_.id), HasReason(Reason::kHsmLoginRefused));
  EXPECT_EQ(shim_.Calls("C_Login"), 1u);
  EXPECT_FALSE(device_->Health().healthy());
  EXPECT_THAT(device_->Health().detail, Not(HasSubstr(shim_.token().pin())));
}

}  // namespace
}  // namespace strongroom::testing
