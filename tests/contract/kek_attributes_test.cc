// What real tokens let any program with the PIN do with a KEK: nothing but
// encrypt and decrypt. hsm/README.md has the table of attributes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/testing/device_calls.h"
#include "tests/testing/device_rig.h"
#include "tests/testing/nss.h"
#include "tests/testing/raw_token.h"
#include "tests/testing/softhsm.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::testing {
namespace {

template <typename Token>
class KekAttributes : public ::testing::Test {
 protected:
  Token token_;
};

using RealTokens = ::testing::Types<SoftHsmToken, NssToken>;
class TokenName {
 public:
  template <typename Token>
  static std::string GetName(int) {
    return std::is_same_v<Token, NssToken> ? "nss" : "softhsm";
  }
};
TYPED_TEST_SUITE(KekAttributes, RealTokens, TokenName);

TYPED_TEST(KekAttributes, TheTokenRefusesTheValueOfAKek) {
  const auto device = OpenOrDie(this->token_.Options());
  ASSERT_OK_AND_ASSIGN(hsm::KekReference kek, MakeKek(*device));
  RawToken raw(this->token_.Options());
  const RawKey key = raw.ReadKey(kek.id.bytes());
  ASSERT_EQ(key.objects_with_id, 1u);
  EXPECT_TRUE(key.value_refused);
  EXPECT_TRUE(key.making_extractable_refused);
}

TYPED_TEST(KekAttributes, AKekIsPrivateSensitiveAndForEncryptionAlone) {
  const auto device = OpenOrDie(this->token_.Options());
  ASSERT_OK_AND_ASSIGN(hsm::KekReference kek, MakeKek(*device));
  RawToken raw(this->token_.Options());
  const RawKey key = raw.ReadKey(kek.id.bytes());
  EXPECT_TRUE(key.token);
  EXPECT_TRUE(key.is_private);
  EXPECT_TRUE(key.sensitive);
  EXPECT_FALSE(key.extractable);
  EXPECT_TRUE(key.never_extractable);
  EXPECT_FALSE(key.modifiable);
  EXPECT_TRUE(key.may_encrypt);
  EXPECT_TRUE(key.may_decrypt);
  EXPECT_FALSE(key.may_do_more);
}

TYPED_TEST(KekAttributes, TheCheckSeesAKeyThatGivesItsValueAway) {
  const auto device = OpenOrDie(this->token_.Options());
  RawToken raw(this->token_.Options());
  const Bytes id = {1, 2, 3};
  raw.AddKey(id, "loose");
  const RawKey key = raw.ReadKey(id);
  ASSERT_EQ(key.objects_with_id, 1u);
  EXPECT_TRUE(key.extractable);
  EXPECT_FALSE(key.never_extractable);
}

TYPED_TEST(KekAttributes, OpeningADeviceLeavesNothingOnTheToken) {
  const auto device = OpenOrDie(this->token_.Options());
  RawToken raw(this->token_.Options());
  EXPECT_EQ(raw.CountObjects(), 0u);
}

}  // namespace
}  // namespace strongroom::testing
