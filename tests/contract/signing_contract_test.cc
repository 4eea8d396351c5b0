// What every Device promises of signing keys, held against the fake, SoftHSM
// and NSS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "strongroom/signing/dsse.h"
#include "tests/testing/device_calls.h"
#include "tests/testing/device_rig.h"
#include "tests/testing/nss.h"
#include "tests/testing/raw_token.h"
#include "tests/testing/softhsm.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kLabel[] = "strongroom/test/signing/v1";
constexpr char kType[] = "application/vnd.test+json";
const Bytes kDocument = ToBytes(AsBytes("{\"moved\": 3}"));

class SigningContract : public ::testing::TestWithParam<std::string> {
 protected:
  SigningContract() : rig_(MakeRig(GetParam())), device_(rig_->Open()) {}

  StatusOr<std::string> SignDocument(const Uuid& id, ByteView spki) {
    SR_ASSIGN_OR_RETURN(const Bytes signature,
                        device_->Sign(id, signing::DigestOf(kType, kDocument)));
    return signing::MakeEnvelope(kType, kDocument, spki, signature);
  }
  std::vector<hsm::TokenObject> ObjectsOf(const Uuid& id) {
    std::vector<hsm::TokenObject> found;
    const std::vector<hsm::TokenObject> objects = device_->List().value();
    for (const hsm::TokenObject& object : objects) {
      if (std::ranges::equal(object.id, id.bytes())) found.push_back(object);
    }
    return found;
  }

  const std::unique_ptr<DeviceRig> rig_;
  std::unique_ptr<hsm::Device> device_;
  const Uuid id_ = Uuid::Random();
};

TEST_P(SigningContract, WhatTheKeySignedVerifiesWithItsPublicKey) {
  ASSERT_OK_AND_ASSIGN(const Bytes spki, device_->MakeSigningKey(id_, kLabel));
  EXPECT_THAT(spki, SizeIs(91));
  ASSERT_OK_AND_ASSIGN(const std::string signed_document,
                       SignDocument(id_, spki));
  ASSERT_OK_AND_ASSIGN(const Bytes opened,
                       signing::OpenEnvelope(signed_document, kType, spki));
  EXPECT_EQ(opened, kDocument);
}

TEST_P(SigningContract, TheKeyOutlivesTheDevice) {
  ASSERT_OK_AND_ASSIGN(const Bytes spki, device_->MakeSigningKey(id_, kLabel));
  device_.reset();
  device_ = rig_->Open();
  ASSERT_OK_AND_ASSIGN(const Bytes again, device_->SigningPublicKey(id_));
  EXPECT_EQ(again, spki);
  EXPECT_OK(SignDocument(id_, spki));
}

TEST_P(SigningContract, AnotherKeysSignatureIsNotHandedOut) {
  const Uuid other = Uuid::Random();
  ASSERT_OK_AND_ASSIGN(const Bytes spki, device_->MakeSigningKey(id_, kLabel));
  ASSERT_OK(device_->MakeSigningKey(other, kLabel).status());
  EXPECT_THAT(SignDocument(other, spki), HasReason(Reason::kHsmUnexpected));
}

TEST_P(SigningContract, ThePrivateHalfIsSensitiveAndNeverExtractable) {
  ASSERT_OK(device_->MakeSigningKey(id_, kLabel).status());
  int private_halves = 0;
  for (const hsm::TokenObject& object : ObjectsOf(id_)) {
    EXPECT_EQ(object.label, kLabel);
    EXPECT_EQ(object.key_type, "EC");
    if (object.object_class != "private-key") continue;
    ++private_halves;
    EXPECT_TRUE(object.sensitive);
    EXPECT_FALSE(object.extractable);
    EXPECT_TRUE(object.never_extractable);
  }
  EXPECT_EQ(private_halves, 1);
}

TEST_P(SigningContract, ADestroyedKeyLeavesNothing) {
  const size_t objects = device_->List().value().size();
  ASSERT_OK(device_->MakeSigningKey(id_, kLabel).status());
  EXPECT_OK(device_->DestroySigningKey(id_, kLabel));
  EXPECT_THAT(device_->List().value(), SizeIs(objects));
  EXPECT_THAT(device_->Sign(id_, Bytes(32, 1)),
              HasReason(Reason::kSigningKeyMissing));
  EXPECT_OK(device_->DestroySigningKey(id_, kLabel));
}

TEST_P(SigningContract, AnIdThatExistsIsAConflictAndNothingIsLost) {
  ASSERT_OK_AND_ASSIGN(const hsm::KekReference kek, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(const Bytes spki, device_->MakeSigningKey(id_, kLabel));
  for (const Uuid& id : {kek.id, id_}) {
    EXPECT_THAT(device_->MakeSigningKey(id, kLabel),
                HasReason(Reason::kConflict));
  }
  EXPECT_OK(device_->Prove(kek.id));
  EXPECT_OK(SignDocument(id_, spki));
}

TEST_P(SigningContract, WhatIsNoPairOfThatLabelIsNotDestroyed) {
  const Uuid foreign = Uuid::Random();
  rig_->AddForeign(foreign.bytes(), kLabel);
  ASSERT_OK_AND_ASSIGN(const hsm::KekReference kek, MakeKek(*device_, kLabel));
  ASSERT_OK_AND_ASSIGN(const Bytes spki, device_->MakeSigningKey(id_, kLabel));
  for (const Uuid& id : {foreign, kek.id}) {
    EXPECT_THAT(device_->DestroySigningKey(id, kLabel),
                HasReason(Reason::kConflict));
  }
  EXPECT_THAT(device_->DestroySigningKey(id_, "strongroom/other/signing/v1"),
              HasReason(Reason::kConflict));
  EXPECT_THAT(ObjectsOf(foreign), SizeIs(1));
  EXPECT_OK(device_->Prove(kek.id));
  EXPECT_OK(SignDocument(id_, spki));
}

TEST_P(SigningContract, AKeyThatIsNotThereIsMissing) {
  EXPECT_THAT(device_->SigningPublicKey(id_),
              HasReason(Reason::kSigningKeyMissing, HasSubstr(id_.ToString())));
  EXPECT_THAT(device_->Sign(id_, Bytes(32, 1)),
              HasReason(Reason::kSigningKeyMissing));
  EXPECT_TRUE(device_->Health().healthy());
}

TEST_P(SigningContract, AKekDoesNotSign) {
  ASSERT_OK_AND_ASSIGN(const hsm::KekReference kek, MakeKek(*device_));
  EXPECT_THAT(device_->Sign(kek.id, Bytes(32, 1)),
              HasReason(Reason::kSigningKeyMissing));
}

TEST_P(SigningContract, ASigningKeyIsNoKekAndDestroyKekLeavesIt) {
  ASSERT_OK_AND_ASSIGN(const Bytes spki, device_->MakeSigningKey(id_, kLabel));
  EXPECT_THAT(SealNow(*device_, id_, {}, Bytes(32, 1)),
              HasReason(Reason::kKekNotOnToken));
  EXPECT_OK(device_->DestroyKek(id_));
  EXPECT_OK(SignDocument(id_, spki));
}

TEST_P(SigningContract, OnlyASha256DigestIsSigned) {
  ASSERT_OK(device_->MakeSigningKey(id_, kLabel).status());
  for (const size_t size : {0, 20, 31, 33, 64}) {
    EXPECT_THAT(device_->Sign(id_, Bytes(size, 1)),
                HasReason(Reason::kArgumentInvalid))
        << size;
  }
}

TEST_P(SigningContract, AKeyTakenAwayBehindTheBackIsMissing) {
  ASSERT_OK(device_->MakeSigningKey(id_, kLabel).status());
  rig_->RemoveBehindTheBack(id_);
  EXPECT_THAT(device_->Sign(id_, Bytes(32, 1)),
              HasReason(Reason::kSigningKeyMissing));
}

std::string RigName(const ::testing::TestParamInfo<std::string>& rig) {
  return rig.param;
}
INSTANTIATE_TEST_SUITE_P(, SigningContract,
                         ::testing::Values("fake", "softhsm", "nss"), RigName);

template <typename Token>
class SigningHalves : public ::testing::Test {
 protected:
  Token token_;
};
using RealTokens = ::testing::Types<SoftHsmToken, NssToken>;
TYPED_TEST_SUITE(SigningHalves, RealTokens);

TYPED_TEST(SigningHalves, HalfAPairIsMissingAndIsDestroyedAsAPair) {
  const auto device = OpenOrDie(this->token_.Options());
  for (const RawToken::Half half :
       {RawToken::Half::kPrivate, RawToken::Half::kPublic}) {
    const Uuid id = Uuid::Random();
    ASSERT_OK(device->MakeSigningKey(id, kLabel).status());
    RawToken(this->token_.Options()).DestroyHalf(id.bytes(), half);
    if (half == RawToken::Half::kPrivate) {
      EXPECT_THAT(device->Sign(id, Bytes(32, 1)),
                  HasReason(Reason::kSigningKeyMissing));
    } else {
      EXPECT_THAT(device->SigningPublicKey(id),
                  HasReason(Reason::kSigningKeyMissing));
    }
    EXPECT_THAT(device->MakeSigningKey(id, kLabel),
                HasReason(Reason::kConflict));
    EXPECT_OK(device->DestroySigningKey(id, kLabel));
  }
  EXPECT_EQ(RawToken(this->token_.Options()).CountObjects(), 0u);
}

}  // namespace
}  // namespace strongroom::testing
