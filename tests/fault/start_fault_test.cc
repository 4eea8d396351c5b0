// Tokens that cannot do the job are refused at the start, and it is said why.
#include <gmock/gmock.h>

#include <string>

#include "strongroom/hsm_pkcs11/token_setup.h"
#include "tests/fault/fault_fixture.h"

namespace strongroom::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class StartFault : public FaultTest {};

TEST_F(StartFault, ATokenWithoutAesGcmIsRefusedByName) {
  shim_.Direct("hide-mechanism CKM_AES_GCM\n");
  EXPECT_THAT(
      TryOpen(shim_.Options()).status(),
      HasReason(Reason::kHsmCapabilityMissing, HasSubstr("AES-256-GCM")));
}

TEST_F(StartFault, ATokenThatCannotMakeAesKeysIsRefused) {
  shim_.Direct("hide-mechanism CKM_AES_KEY_GEN\n");
  EXPECT_THAT(TryOpen(shim_.Options()).status(),
              HasReason(Reason::kHsmCapabilityMissing));
}

TEST_F(StartFault, AMechanismThatIsListedButDoesNotWorkIsRefusedToo) {
  shim_.Direct("fail C_EncryptInit CKR_MECHANISM_INVALID count=all\n");
  EXPECT_THAT(TryOpen(shim_.Options()).status(),
              HasReason(Reason::kHsmCapabilityMissing,
                        HasSubstr("CKR_MECHANISM_INVALID")));
}

TEST_F(StartFault, ATokenThatOpensForgedDataIsRefused) {
  // It decrypts what does not authenticate: no error, whatever came out.
  shim_.Direct("fail C_Decrypt CKR_OK count=all after\n");
  EXPECT_THAT(TryOpen(shim_.Options()).status(),
              HasReason(Reason::kHsmCapabilityMissing));
}

TEST_F(StartFault, ARefusedTokenCanBeOpenedOnceItIsWell) {
  shim_.Direct("hide-mechanism CKM_AES_GCM\n");
  EXPECT_THAT(TryOpen(shim_.Options()).status(), Not(IsOk()));
  shim_.Direct("");
  Open();
  EXPECT_OK(OpenSealed());
}

TEST_F(StartFault, ATokenWithFewSessionsGivesFewerWorkers) {
  shim_.Direct("limit-sessions 4\n");
  hsm::Pkcs11Options options = shim_.Options();
  options.workers = 8;
  StatusOr<std::unique_ptr<hsm::Device>> device = TryOpen(options);
  ASSERT_OK(device);
  EXPECT_GE((*device)->info().workers, 1);
  EXPECT_LT((*device)->info().workers, 8);
  StatusOr<hsm::KekReference> kek = MakeKek(**device);
  ASSERT_OK(kek);
  EXPECT_OK((*device)->Prove(kek->id));
}

TEST_F(StartFault, ATokenWithoutASessionLeftIsRefused) {
  shim_.Direct("fail C_OpenSession CKR_SESSION_COUNT count=all\n");
  EXPECT_THAT(TryOpen(shim_.Options()).status(), HasReason(Reason::kHsmBusy));
}

TEST_F(StartFault, ADeviceThatIsAwayIsUnavailable) {
  for (const char* function : {"C_OpenSession", "C_FindObjectsInit"}) {
    shim_.Direct(std::string("fail ") + function +
                 " CKR_DEVICE_ERROR count=all\n");
    EXPECT_THAT(TryOpen(shim_.Options()).status(),
                HasReason(Reason::kHsmUnavailable))
        << function;
  }
  shim_.Direct("");
  EXPECT_OK(TryOpen(shim_.Options()));
}

TEST_F(StartFault, AModuleThatDoesNotInitializeIsRefusedWithItsAnswer) {
  shim_.Direct("fail C_Initialize CKR_DEVICE_ERROR count=all\n");
  EXPECT_THAT(
      TryOpen(shim_.Options()).status(),
      HasReason(Reason::kModuleNotLoaded, HasSubstr("CKR_DEVICE_ERROR")));
  shim_.Direct("");
  EXPECT_OK(TryOpen(shim_.Options()));
}

TEST_F(StartFault, AModuleThatIsNotThereIsNamed) {
  hsm::Pkcs11Options options = shim_.Options();
  options.module_path = "/nowhere/libnothing.so";
  EXPECT_THAT(
      TryOpen(options).status(),
      HasReason(Reason::kModuleNotLoaded, HasSubstr("/nowhere/libnothing.so")));
}

TEST_F(StartFault, ALibraryThatIsNoModuleIsNotLoaded) {
  hsm::Pkcs11Options options = shim_.Options();
  options.module_path = "libcrypto.so.3";
  EXPECT_THAT(TryOpen(options).status(), HasReason(Reason::kModuleNotLoaded));
}

TEST_F(StartFault, AFileThatIsNoLibraryIsNotLoaded) {
  hsm::Pkcs11Options options = shim_.Options();
  options.module_path = shim_.token().dir().Write("not.so", "no library");
  EXPECT_THAT(TryOpen(options).status(), HasReason(Reason::kModuleNotLoaded));
}

TEST_F(StartFault, ATokenThatIsNotFoundIsNamedWithThoseThatWereSeen) {
  hsm::Pkcs11Options options = shim_.Options();
  options.token_label = "payments-hsm";
  const Status status = TryOpen(options).status();
  EXPECT_THAT(status,
              HasReason(Reason::kTokenNotFound, HasSubstr("payments-hsm")));
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr("shimmed"));
  EXPECT_EQ(shim_.Calls("C_Login"), 0u);
}

TEST_F(StartFault, ATokenIsNotMadeWhereNoneIsUninitialised) {
  shim_.Direct("fail C_GetTokenInfo CKR_TOKEN_NOT_PRESENT count=all\n");
  EXPECT_THAT(hsm::InitializeToken({shim_.Options().module_path, "new",
                                    SecretBytes::CopyOf(Bytes(8, 'o')),
                                    SecretBytes::CopyOf(Bytes(8, 'u'))}),
              HasReason(Reason::kTokenNotFound, HasSubstr("none")));
  EXPECT_EQ(shim_.Calls("C_InitToken"), 0u);
}

TEST_F(StartFault, LabelAndSerialMustBothMatch) {
  hsm::Pkcs11Options options = shim_.Options();
  options.token_serial = "0000000000000000";
  EXPECT_THAT(TryOpen(options).status(), HasReason(Reason::kTokenNotFound));
  EXPECT_EQ(shim_.Calls("C_Login"), 0u);

  std::string serial;
  {
    StatusOr<std::unique_ptr<hsm::Device>> device = TryOpen(shim_.Options());
    ASSERT_OK(device);
    serial = (*device)->info().token_serial;
  }
  options.token_serial = serial;
  EXPECT_OK(TryOpen(options));
  options.token_label = "";
  EXPECT_OK(TryOpen(options));
  options.token_label = "another";
  EXPECT_THAT(TryOpen(options).status(), HasReason(Reason::kTokenNotFound));
}

}  // namespace
}  // namespace strongroom::testing
