#include "strongroom/hsm_pkcs11/token_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "strongroom/hsm_pkcs11/pkcs11_device.h"
#include "tests/testing/device_rig.h"
#include "tests/testing/softhsm.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::hsm {
namespace {

using ::strongroom::testing::HasReason;
using ::strongroom::testing::IsOk;
using ::strongroom::testing::OpenOrDie;
using ::strongroom::testing::SoftHsmToken;
using ::testing::HasSubstr;
using ::testing::Not;

SecretBytes Pin(std::string_view text) {
  return SecretBytes::CopyOf(AsBytes(text));
}

class TokenSetupTest : public ::testing::Test {
 protected:
  // SoftHSM always shows one more token, which is not initialised.
  NewToken New(std::string label = "made here") {
    return {SoftHsmToken::ModulePath(), std::move(label), Pin("officer-1234"),
            Pin("user-5678")};
  }

  SoftHsmToken other_{"other"};
};

TEST_F(TokenSetupTest, AMadeTokenOpensWithItsPinAndTheOtherStaysAsItWas) {
  ASSERT_THAT(InitializeToken(New()), IsOk());
  Pkcs11Options options = other_.Options();
  EXPECT_EQ(OpenOrDie(options)->info().token_label, "other");
  options.token_label = "made here";
  options.pin_file = other_.dir().Write("new-pin", "user-5678\n");
  EXPECT_EQ(OpenOrDie(options)->info().token_label, "made here");
}

TEST_F(TokenSetupTest, NeitherTheOfficersNorAnotherPinOpensAMadeToken) {
  ASSERT_THAT(InitializeToken(New()), IsOk());
  Pkcs11Options options = other_.Options();
  options.token_label = "made here";
  for (const std::string& pin : {std::string("officer-1234"), other_.pin()}) {
    options.pin_file = other_.dir().Write("new-pin", pin);
    EXPECT_THAT(OpenPkcs11Device(options, Clock::System(), NullMetrics()),
                HasReason(Reason::kHsmLoginRefused));
  }
}

TEST_F(TokenSetupTest, ALabelThatDoesNotFitIsRefusedAndNothingMade) {
  for (const std::string& label : {std::string(), std::string(33, 'x')}) {
    EXPECT_THAT(InitializeToken(New(label)),
                HasReason(Reason::kArgumentInvalid));
  }
  EXPECT_THAT(InitializeToken(New(std::string(32, 'x'))), IsOk());
}

TEST_F(TokenSetupTest, APinThatTheTokenDoesNotTakeIsNamedByItsStepNotShown) {
  NewToken token = New();
  token.user_pin = Pin("abc");
  Status status = InitializeToken(token);
  EXPECT_THAT(status,
              HasReason(Reason::kHsmUnexpected, HasSubstr("C_InitPIN")));
  EXPECT_THAT(std::string(MessageOf(status)), Not(HasSubstr("abc")));
  token = New();
  token.officer_pin = Pin("xyz");
  status = InitializeToken(token);
  EXPECT_THAT(status,
              HasReason(Reason::kHsmUnexpected, HasSubstr("C_InitToken")));
  EXPECT_THAT(std::string(MessageOf(status)), Not(HasSubstr("xyz")));
}

TEST_F(TokenSetupTest, AModuleThatIsInUseOrMissingIsRefused) {
  const auto device = OpenOrDie(other_.Options());
  EXPECT_THAT(InitializeToken(New()), HasReason(Reason::kModuleNotLoaded));
  NewToken token = New();
  token.module_path = "/nowhere/libnothing.so";
  EXPECT_THAT(InitializeToken(token), HasReason(Reason::kModuleNotLoaded));
}

}  // namespace
}  // namespace strongroom::hsm
