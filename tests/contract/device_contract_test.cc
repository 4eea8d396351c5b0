// What every Device promises (include/strongroom/hsm/device.h), held against
// the fake, SoftHSM and NSS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/testing/device_calls.h"
#include "tests/testing/device_rig.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::testing {
namespace {

using hsm::KekReference;
using hsm::TokenObject;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr size_t kTagSize = 16;

Bytes Text(std::string_view text) { return ToBytes(AsBytes(text)); }

class DeviceContract : public ::testing::TestWithParam<std::string> {
 protected:
  DeviceContract() : rig_(MakeRig(GetParam())), device_(rig_->Open()) {}

  void Reopen() {
    device_.reset();
    device_ = rig_->Open();
  }
  std::vector<TokenObject> ObjectsWithId(ByteView id) {
    std::vector<TokenObject> found;
    std::vector<TokenObject> objects = device_->List().value();
    for (TokenObject& object : objects) {
      if (std::ranges::equal(object.id, id)) found.push_back(std::move(object));
    }
    return found;
  }

  const std::unique_ptr<DeviceRig> rig_;
  std::unique_ptr<hsm::Device> device_;
  const Bytes aad_ = Text("header of a batch");
  const Bytes secret_ = Bytes(32, 0xc3);
};

TEST_P(DeviceContract, WhatWasSealedOpensToTheSameBytes) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  for (const size_t size : {size_t{1}, size_t{31}, size_t{32}, size_t{64}}) {
    const Bytes secret(size, static_cast<uint8_t>(size));
    ASSERT_OK_AND_ASSIGN(Bytes sealed, SealNow(*device_, kek.id, aad_, secret));
    ASSERT_OK_AND_ASSIGN(SecretBytes opened,
                         OpenNow(*device_, kek.id, aad_, sealed));
    EXPECT_TRUE(std::ranges::equal(opened.Expose(), secret)) << size;
  }
}

TEST_P(DeviceContract, ASealIsAnIvTheCiphertextAndATagInThatSize) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealNow(*device_, kek.id, aad_, secret_));
  EXPECT_THAT(sealed,
              SizeIs(device_->info().iv_size + secret_.size() + kTagSize));
}

TEST_P(DeviceContract, NoTwoSealsShareAnIv) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  std::set<Bytes> ivs;
  for (int i = 0; i < 50; ++i) {
    ASSERT_OK_AND_ASSIGN(Bytes sealed,
                         SealNow(*device_, kek.id, aad_, secret_));
    sealed.resize(device_->info().iv_size);
    EXPECT_NE(sealed, Bytes(sealed.size(), 0));
    EXPECT_TRUE(ivs.insert(sealed).second) << ToHex(sealed);
  }
}

TEST_P(DeviceContract, ASecretOver64BytesIsRefused) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  const uint64_t before = device_->Health().operations;
  EXPECT_THAT(SealNow(*device_, kek.id, aad_, Bytes(65, 1)), Not(IsOk()));
  EXPECT_EQ(device_->Health().operations, before);
}

TEST_P(DeviceContract, EveryBitFlippedInTheSealedBytesIsNotAuthentic) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealNow(*device_, kek.id, aad_, secret_));
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    sealed[bit / 8] ^= 1 << (bit % 8);
    EXPECT_THAT(OpenNow(*device_, kek.id, aad_, sealed),
                HasReason(Reason::kNotAuthentic))
        << "bit " << bit;
    sealed[bit / 8] ^= 1 << (bit % 8);
  }
  EXPECT_OK(OpenNow(*device_, kek.id, aad_, sealed));
}

TEST_P(DeviceContract, SealedBytesOfEveryOtherLengthAreNotAuthentic) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealNow(*device_, kek.id, aad_, secret_));
  for (size_t size = 0; size <= sealed.size() + 20; ++size) {
    if (size == sealed.size()) continue;
    Bytes cut = sealed;
    cut.resize(size, 0x77);
    EXPECT_THAT(OpenNow(*device_, kek.id, aad_, cut),
                HasReason(Reason::kNotAuthentic))
        << size << " bytes";
  }
}

TEST_P(DeviceContract, EveryOtherAadIsNotAuthentic) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealNow(*device_, kek.id, aad_, secret_));
  for (size_t bit = 0; bit < aad_.size() * 8; ++bit) {
    Bytes other = aad_;
    other[bit / 8] ^= 1 << (bit % 8);
    EXPECT_THAT(OpenNow(*device_, kek.id, other, sealed),
                HasReason(Reason::kNotAuthentic))
        << "bit " << bit;
  }
  for (size_t size = 0; size <= aad_.size() + 2; ++size) {
    if (size == aad_.size()) continue;
    Bytes other = aad_;
    other.resize(size);
    EXPECT_THAT(OpenNow(*device_, kek.id, other, sealed),
                HasReason(Reason::kNotAuthentic))
        << size << " bytes";
  }
}

TEST_P(DeviceContract, ForgedDataCostsNoSessionAndNoHealth) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealNow(*device_, kek.id, aad_, secret_));
  const hsm::DeviceHealth before = device_->Health();
  Bytes forged = sealed;
  forged.back() ^= 1;
  for (int i = 0; i < 500; ++i) {
    ASSERT_THAT(OpenNow(*device_, kek.id, aad_, forged),
                HasReason(Reason::kNotAuthentic));
  }
  const hsm::DeviceHealth after = device_->Health();
  EXPECT_TRUE(after.healthy()) << after.detail;
  EXPECT_EQ(after.sessions_open, before.sessions_open);
  EXPECT_EQ(after.sessions_replaced, before.sessions_replaced);
  EXPECT_EQ(after.logins, before.logins);
  EXPECT_OK(OpenNow(*device_, kek.id, aad_, sealed));
}

TEST_P(DeviceContract, WhatOneKekSealedAnotherDoesNotOpen) {
  ASSERT_OK_AND_ASSIGN(KekReference one, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(KekReference two, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealNow(*device_, one.id, aad_, secret_));
  EXPECT_THAT(OpenNow(*device_, two.id, aad_, sealed),
              HasReason(Reason::kNotAuthentic));
}

TEST_P(DeviceContract, AnUnknownKekIsNotOnTheToken) {
  const Uuid unknown = Uuid::Random();
  EXPECT_THAT(SealNow(*device_, unknown, aad_, secret_),
              HasReason(Reason::kKekNotOnToken,
                        ::testing::HasSubstr(unknown.ToString())));
  EXPECT_THAT(OpenNow(*device_, unknown, aad_, Bytes(60, 1)),
              HasReason(Reason::kKekNotOnToken));
  EXPECT_TRUE(device_->Health().healthy());
}

TEST_P(DeviceContract, AnAdoptedKekThatIsMissingIsNotOnTheToken) {
  device_->Adopt({Uuid(), {Text("aad"), Bytes(60, 1)}});
  EXPECT_THAT(device_->Prove(Uuid()), HasReason(Reason::kKekNotOnToken));
  EXPECT_THAT(SealNow(*device_, Uuid(), aad_, secret_),
              HasReason(Reason::kKekNotOnToken));
}

TEST_P(DeviceContract, AnAdoptedKekIsProved) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  EXPECT_OK(device_->Prove(kek.id));
}

TEST_P(DeviceContract, AKekWithAnothersKnownAnswerIsNeverUsed) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(KekReference other, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealNow(*device_, kek.id, aad_, secret_));
  Reopen();
  device_->Adopt({kek.id, other.known_answer});
  EXPECT_THAT(SealNow(*device_, kek.id, aad_, secret_),
              HasReason(Reason::kKekNotOnToken));
  EXPECT_THAT(OpenNow(*device_, kek.id, aad_, sealed),
              HasReason(Reason::kKekNotOnToken));
  EXPECT_THAT(device_->Prove(kek.id), HasReason(Reason::kKekNotOnToken));

  device_->Adopt(kek);
  EXPECT_OK(device_->Prove(kek.id));
  EXPECT_OK(OpenNow(*device_, kek.id, aad_, sealed));
}

TEST_P(DeviceContract, AKnownAnswerReplacedByAWrongOneStopsTheKek) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  KekReference wrong = kek;
  wrong.known_answer.sealed.back() ^= 1;
  device_->Adopt(wrong);
  EXPECT_THAT(SealNow(*device_, kek.id, aad_, secret_),
              HasReason(Reason::kKekNotOnToken));
  wrong = kek;
  wrong.known_answer.aad.push_back(0);
  device_->Adopt(wrong);
  EXPECT_THAT(device_->Prove(kek.id), HasReason(Reason::kKekNotOnToken));
}

TEST_P(DeviceContract, AKekTakenAwayBehindTheBackIsNotOnTheToken) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  rig_->RemoveBehindTheBack(kek.id);
  EXPECT_THAT(SealNow(*device_, kek.id, aad_, secret_),
              HasReason(Reason::kKekNotOnToken));
  EXPECT_THAT(device_->Prove(kek.id), HasReason(Reason::kKekNotOnToken));
}

TEST_P(DeviceContract, KeksOutliveTheDevice) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealNow(*device_, kek.id, aad_, secret_));
  for (int i = 0; i < 3; ++i) {
    Reopen();
    device_->Adopt(kek);
    ASSERT_OK_AND_ASSIGN(SecretBytes opened,
                         OpenNow(*device_, kek.id, aad_, sealed));
    EXPECT_TRUE(std::ranges::equal(opened.Expose(), secret_));
  }
}

TEST_P(DeviceContract, AForgottenKekStaysOnTheTokenAndCanBeAdoptedAgain) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealNow(*device_, kek.id, aad_, secret_));
  device_->Forget(kek.id);
  EXPECT_THAT(ObjectsWithId(kek.id.bytes()), SizeIs(1));
  device_->Adopt(kek);
  EXPECT_OK(OpenNow(*device_, kek.id, aad_, sealed));
}

TEST_P(DeviceContract, ListShowsAKekWithTheAttributesItWasPromised) {
  const Uuid id = Uuid::Random();
  const std::string label = "strongroom/" + Uuid::Random().ToString() + "/" +
                            Uuid::Random().ToString() + "/v1";
  ASSERT_OK(device_->CreateKek(id, label));
  const std::vector<TokenObject> found = ObjectsWithId(id.bytes());
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].label, label);
  EXPECT_EQ(found[0].object_class, "secret-key");
  EXPECT_EQ(found[0].key_type, "AES-256");
  EXPECT_TRUE(found[0].sensitive);
  EXPECT_FALSE(found[0].extractable);
  EXPECT_TRUE(found[0].never_extractable);
  EXPECT_FALSE(found[0].modifiable);
}

TEST_P(DeviceContract, AnEmptyTokenListsNothing) {
  ASSERT_OK_AND_ASSIGN(std::vector<TokenObject> objects, device_->List());
  EXPECT_THAT(objects, IsEmpty());
}

TEST_P(DeviceContract, ListShowsForeignObjectsToo) {
  const Bytes id = Text("theirs");
  rig_->AddForeign(id, "another installation");
  const std::vector<TokenObject> found = ObjectsWithId(id);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].label, "another installation");
}

TEST_P(DeviceContract, AnIdIsNotUsedTwice) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  EXPECT_THAT(device_->CreateKek(kek.id, "again"),
              HasReason(Reason::kConflict));
  EXPECT_THAT(ObjectsWithId(kek.id.bytes()), SizeIs(1));
  EXPECT_OK(device_->Prove(kek.id));
}

TEST_P(DeviceContract, AnIdOfAForeignObjectIsNotUsedEither) {
  const Uuid id = Uuid::Random();
  rig_->AddForeign(id.bytes(), "theirs");
  EXPECT_THAT(device_->CreateKek(id, "ours"), HasReason(Reason::kConflict));
  const std::vector<TokenObject> found = ObjectsWithId(id.bytes());
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].label, "theirs");
}

TEST_P(DeviceContract, ADestroyedKekIsGoneAndStaysGone) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  ASSERT_OK(device_->DestroyKek(kek.id));
  EXPECT_THAT(ObjectsWithId(kek.id.bytes()), IsEmpty());
  EXPECT_THAT(SealNow(*device_, kek.id, aad_, secret_),
              HasReason(Reason::kKekNotOnToken));
  Reopen();
  device_->Adopt(kek);
  EXPECT_THAT(device_->Prove(kek.id), HasReason(Reason::kKekNotOnToken));
}

TEST_P(DeviceContract, DestroyingWhatIsNotThereIsFine) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  EXPECT_OK(device_->DestroyKek(kek.id));
  EXPECT_OK(device_->DestroyKek(kek.id));
  EXPECT_OK(device_->DestroyKek(Uuid::Random()));
}

TEST_P(DeviceContract, ADestroyedIdMadeAgainIsAnotherKey) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  ASSERT_OK(device_->DestroyKek(kek.id));
  ASSERT_OK(device_->CreateKek(kek.id, "second life"));
  device_->Adopt(kek);
  EXPECT_THAT(device_->Prove(kek.id), HasReason(Reason::kKekNotOnToken));
}

TEST_P(DeviceContract, NothingElseOnTheTokenIsTouched) {
  const Bytes theirs = Text("theirs");
  rig_->AddForeign(theirs, "test");  // the label that our KEKs have, too
  rig_->AddForeign(Bytes(), "without an id");
  ASSERT_OK_AND_ASSIGN(KekReference kept, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(KekReference gone, MakeKek(*device_));
  ASSERT_OK(device_->DestroyKek(gone.id));
  ASSERT_OK(device_->DestroyKek(Uuid::Random()));
  Reopen();
  EXPECT_THAT(ObjectsWithId(theirs), SizeIs(1));
  EXPECT_THAT(device_->List().value(), SizeIs(3));
  device_->Adopt(kept);
  EXPECT_OK(device_->Prove(kept.id));
}

TEST_P(DeviceContract, ProbeOfAWellTokenIsOk) {
  EXPECT_OK(device_->Probe());
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  EXPECT_OK(device_->Probe());
  const hsm::DeviceHealth health = device_->Health();
  EXPECT_TRUE(health.healthy()) << health.detail;
  EXPECT_EQ(health.keks_adopted, 1u);
  EXPECT_EQ(health.keks_missing, 0u);
}

TEST_P(DeviceContract, ProbesFindOutThatAllKeksAreGone) {
  std::vector<KekReference> keks;
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
    keks.push_back(std::move(kek));
  }
  for (const KekReference& kek : keks) rig_->RemoveBehindTheBack(kek.id);
  EXPECT_THAT(device_->Probe(), HasReason(Reason::kKekNotOnToken));
  const hsm::DeviceHealth health = device_->Health();
  EXPECT_EQ(health.condition, hsm::DeviceCondition::kKekMissing);
  EXPECT_FALSE(health.usable());
  EXPECT_EQ(health.keks_missing, 3u);
  EXPECT_THAT(health.detail, ::testing::HasSubstr("KEK missing"));
}

TEST_P(DeviceContract, AMissingKekIsToldOfAndTheOthersAreUsable) {
  ASSERT_OK_AND_ASSIGN(KekReference gone, MakeKek(*device_));
  ASSERT_OK_AND_ASSIGN(KekReference kept, MakeKek(*device_));
  rig_->RemoveBehindTheBack(gone.id);
  EXPECT_THAT(device_->Prove(gone.id), HasReason(Reason::kKekNotOnToken));
  hsm::DeviceHealth health = device_->Health();
  EXPECT_EQ(health.condition, hsm::DeviceCondition::kKekMissing);
  EXPECT_TRUE(health.usable());
  EXPECT_EQ(health.keks_missing, 1u);
  EXPECT_OK(SealNow(*device_, kept.id, aad_, secret_));
  // Whoever gives it up does not miss it.
  device_->Forget(gone.id);
  health = device_->Health();
  EXPECT_TRUE(health.healthy()) << health.detail;
  EXPECT_EQ(health.keks_adopted, 1u);
}

TEST_P(DeviceContract, AKekThatIsAnotherKeyIsMissingUntilItProvesItself) {
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device_));
  KekReference wrong = kek;
  wrong.known_answer.sealed.back() ^= 1;
  device_->Adopt(wrong);
  EXPECT_THAT(device_->Probe(), HasReason(Reason::kKekNotOnToken));
  EXPECT_EQ(device_->Health().keks_missing, 1u);
  device_->Adopt(kek);
  EXPECT_OK(device_->Probe());
  EXPECT_TRUE(device_->Health().healthy()) << device_->Health().detail;
}

std::string RigName(const ::testing::TestParamInfo<std::string>& rig) {
  return rig.param;
}
INSTANTIATE_TEST_SUITE_P(, DeviceContract,
                         ::testing::Values("fake", "softhsm", "nss"), RigName);

}  // namespace
}  // namespace strongroom::testing
