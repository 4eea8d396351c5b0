#include "hsm/pkcs11/classify.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "hsm/pkcs11/return_values.h"
#include "tests/hsm/cryptoki_header.h"

namespace strongroom::hsm {
namespace {

constexpr Operation kOperations[] = {
    Operation::kOpenSession, Operation::kSessionInfo,    Operation::kLogin,
    Operation::kFind,        Operation::kReadAttributes, Operation::kSeal,
    Operation::kOpen,        Operation::kGenerate,       Operation::kDestroy,
    Operation::kSign,
};

// The table of docs/operations.md: whatever the header has and this has not is
// unexpected, for every operation.
const std::map<std::string, Cause>& SameForEveryOperation() {
  static const auto& table = *new std::map<std::string, Cause>{
      {"CKR_OK", Cause::kOk},
      {"CKR_SESSION_HANDLE_INVALID", Cause::kSessionLost},
      {"CKR_SESSION_CLOSED", Cause::kSessionLost},
      {"CKR_OPERATION_ACTIVE", Cause::kSessionLost},
      {"CKR_USER_NOT_LOGGED_IN", Cause::kNotLoggedIn},
      {"CKR_KEY_HANDLE_INVALID", Cause::kHandleInvalid},
      {"CKR_OBJECT_HANDLE_INVALID", Cause::kHandleInvalid},
      {"CKR_SESSION_COUNT", Cause::kBusy},
      {"CKR_DEVICE_MEMORY", Cause::kBusy},
      {"CKR_HOST_MEMORY", Cause::kBusy},
      {"CKR_DEVICE_ERROR", Cause::kDeviceLost},
      {"CKR_DEVICE_REMOVED", Cause::kDeviceLost},
      {"CKR_TOKEN_NOT_PRESENT", Cause::kDeviceLost},
      {"CKR_TOKEN_NOT_RECOGNIZED", Cause::kDeviceLost},
      {"CKR_CRYPTOKI_NOT_INITIALIZED", Cause::kDeviceLost},
      {"CKR_PIN_INCORRECT", Cause::kLoginRefused},
      {"CKR_PIN_LOCKED", Cause::kLoginRefused},
      {"CKR_PIN_EXPIRED", Cause::kLoginRefused},
      {"CKR_MECHANISM_INVALID", Cause::kCapability},
      {"CKR_KEY_FUNCTION_NOT_PERMITTED", Cause::kCapability},
      {"CKR_TEMPLATE_INCOMPLETE", Cause::kCapability},
      {"CKR_TEMPLATE_INCONSISTENT", Cause::kCapability},
  };
  return table;
}

// Those that mean something for one operation alone.
const std::set<std::string>& DependOnOperation() {
  static const auto& names =
      *new std::set<std::string>{"CKR_ENCRYPTED_DATA_INVALID",
                                 "CKR_ENCRYPTED_DATA_LEN_RANGE",
                                 "CKR_GENERAL_ERROR",
                                 "CKR_USER_ALREADY_LOGGED_IN",
                                 "CKR_PIN_INVALID",
                                 "CKR_PIN_LEN_RANGE",
                                 "CKR_USER_PIN_NOT_INITIALIZED"};
  return names;
}

TEST(ClassifyTest, TheHeaderIsReadWhole) {
  const auto constants = CkrConstants();
  EXPECT_EQ(constants.size(), CountCkrDefines());
  EXPECT_GE(constants.size(), 90u);
  EXPECT_EQ(constants.at("CKR_VENDOR_DEFINED"), CKR_VENDOR_DEFINED);
  EXPECT_EQ(constants.at("CKR_FUNCTION_REJECTED"), CKR_FUNCTION_REJECTED);
}

TEST(ClassifyTest, EveryConstantOfTheHeaderHasTheCauseOfTheTable) {
  const auto constants = CkrConstants();
  for (const bool general_error_may_mean_data : {false, true}) {
    Profile profile;
    profile.general_error_may_mean_data = general_error_may_mean_data;
    for (const auto& [name, value] : constants) {
      if (DependOnOperation().contains(name)) continue;
      auto row = SameForEveryOperation().find(name);
      const Cause wanted = row == SameForEveryOperation().end()
                               ? Cause::kUnexpected
                               : row->second;
      for (const Operation operation : kOperations) {
        EXPECT_EQ(Classify(operation, value, profile), wanted)
            << name << " for operation " << static_cast<int>(operation);
      }
    }
  }
}

TEST(ClassifyTest, EveryRowOfTheTableIsInTheHeader) {
  const auto constants = CkrConstants();
  for (const auto& [name, cause] : SameForEveryOperation()) {
    EXPECT_TRUE(constants.contains(name)) << name;
  }
  for (const std::string& name : DependOnOperation()) {
    EXPECT_TRUE(constants.contains(name)) << name;
  }
}

TEST(ClassifyTest, OnlyOpeningBlamesTheData) {
  const Profile profile;
  for (const unsigned long value :
       {CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, 0x42UL}) {
    for (const Operation operation : kOperations) {
      EXPECT_EQ(Classify(operation, value, profile),
                operation == Operation::kOpen ? Cause::kNotAuthentic
                                              : Cause::kUnexpected)
          << ReturnValueName(value);
    }
  }
}

TEST(ClassifyTest,
     AGeneralErrorLeavesOpenWhoseFaultItIsOnlyWhereTheProfileSays) {
  Profile profile;
  for (const Operation operation : kOperations) {
    profile.general_error_may_mean_data = false;
    EXPECT_EQ(Classify(operation, CKR_GENERAL_ERROR, profile),
              Cause::kUnexpected);
    profile.general_error_may_mean_data = true;
    EXPECT_EQ(Classify(operation, CKR_GENERAL_ERROR, profile),
              operation == Operation::kOpen ? Cause::kDataOrDevice
                                            : Cause::kUnexpected);
  }
}

TEST(ClassifyTest, BeingLoggedInAlreadyIsSuccessOfALoginAlone) {
  const Profile profile;
  for (const Operation operation : kOperations) {
    EXPECT_EQ(Classify(operation, CKR_USER_ALREADY_LOGGED_IN, profile),
              operation == Operation::kLogin ? Cause::kOk : Cause::kUnexpected);
  }
}

TEST(ClassifyTest, APinOfTheWrongFormIsARefusedLogin) {
  const Profile profile;
  for (const unsigned long value :
       {CKR_PIN_INVALID, CKR_PIN_LEN_RANGE, CKR_USER_PIN_NOT_INITIALIZED}) {
    for (const Operation operation : kOperations) {
      EXPECT_EQ(Classify(operation, value, profile),
                operation == Operation::kLogin ? Cause::kLoginRefused
                                               : Cause::kUnexpected)
          << ReturnValueName(value);
    }
  }
}

TEST(ClassifyTest, ValuesTheStandardDoesNotKnowAreUnexpected) {
  const Profile profile;
  const auto constants = CkrConstants();
  std::set<unsigned long> known = {0x42};
  for (const auto& [name, value] : constants) known.insert(value);
  for (unsigned long value = 0; value < 0x400; ++value) {
    if (known.contains(value)) continue;
    EXPECT_EQ(Classify(Operation::kOpen, value, profile), Cause::kUnexpected);
  }
  for (const unsigned long value :
       {CKR_VENDOR_DEFINED, CKR_VENDOR_DEFINED | CKR_DEVICE_ERROR, ~0UL}) {
    EXPECT_EQ(Classify(Operation::kOpen, value, profile), Cause::kUnexpected);
  }
}

TEST(ReturnValueNameTest, EveryConstantOfTheHeaderIsNamedAsTheHeaderDoes) {
  for (const auto& [name, value] : CkrConstants()) {
    if (name == "CKR_VENDOR_DEFINED") continue;  // a range, not a value
    EXPECT_EQ(ReturnValueName(value).substr(0, name.size() + 1), name + " ");
  }
}

TEST(ReturnValueNameTest, OtherValuesAreShownAsNumbers) {
  EXPECT_EQ(ReturnValueName(0x30), "CKR_DEVICE_ERROR (0x30)");
  EXPECT_EQ(ReturnValueName(0x42), "CKR_AEAD_DECRYPT_FAILED (0x42)");
  EXPECT_EQ(ReturnValueName(0x7777), "unknown value 0x7777");
  EXPECT_EQ(ReturnValueName(0x80000030), "vendor-defined value 0x80000030");
}

}  // namespace
}  // namespace strongroom::hsm
