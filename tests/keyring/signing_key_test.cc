// The pair that signs: made once, owned, and never taken for a KEK.
#include "strongroom/keyring/signing_key.h"

#include "strongroom/signing/dsse.h"
#include "tests/keyring/keyring_rig.h"

namespace strongroom::keyring {
namespace {

using ::testing::UnorderedElementsAre;

constexpr char kType[] = "application/vnd.strongroom.test+json";

class SigningKeyTest : public ::testing::Test {
 protected:
  SigningKeyTest() { rig_.Start(); }

  SigningKey& signing() { return rig_.keyring_->signing(); }
  Uuid Recorded() {
    std::optional<Uuid> id;
    EXPECT_OK(rig_.store_.Read([&](store::ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(id, SigningKeyIdIn(t));
      return OkStatus();
    }));
    return id.value_or(Uuid());
  }
  std::vector<std::string> Owners() {
    std::vector<std::string> owners;
    auto objects = rig_.keyring_->DescribeObjects();
    EXPECT_OK(objects);
    for (const auto& object : *objects) owners.push_back(object.owner);
    return owners;
  }
  void ExpectSigns() {
    ASSERT_OK_AND_ASSIGN(const Bytes spki, signing().PublicKey());
    ASSERT_OK_AND_ASSIGN(const std::string document,
                         signing().Sign(kType, AsBytes("{}")));
    ASSERT_OK_AND_ASSIGN(const Bytes payload,
                         signing::OpenEnvelope(document, kType, spki));
    EXPECT_EQ(payload, ToBytes(AsBytes("{}")));
  }

  KeyringRig rig_;
};

TEST_F(SigningKeyTest, NothingIsMadeBeforeItIsWanted) {
  EXPECT_EQ(rig_.objects_->size(), rig_.foreign_objects_);
  ExpectSigns();
  EXPECT_EQ(rig_.objects_->size(), rig_.foreign_objects_ + 1);
}

TEST_F(SigningKeyTest, ThePairIsTheSameAfterARestartAndIsNotRecovered) {
  rig_.Create("a");
  ASSERT_OK_AND_ASSIGN(const Bytes spki, signing().PublicKey());
  const RecoveryReport report = rig_.Start();
  EXPECT_EQ(report.unknown_objects, 0);
  EXPECT_EQ(report.removed, 0);
  EXPECT_EQ(signing().PublicKey().value(), spki);
  EXPECT_TRUE(rig_.objects_->Contains(Recorded()));
  ExpectSigns();
}

TEST_F(SigningKeyTest, ItsOwnerIsShownAndNobodyElsesIsTakenForIt) {
  ExpectSigns();
  const Uuid here = rig_.store_.installation_id();
  rig_.objects_->AddForeign(Uuid::Random().bytes(), SigningLabel(here));
  rig_.objects_->AddForeign(Recorded().bytes(), SigningLabel(here));
  rig_.objects_->AddForeign(Recorded().bytes(), SigningLabel(Uuid::Random()));
  EXPECT_THAT(Owners(),
              UnorderedElementsAre(
                  "foreign", "foreign", "signing key", "unknown to this store",
                  "unknown to this store", "unknown installation"));
}

TEST_F(SigningKeyTest, AfterADeathAtAnyStepThereIsOnePair) {
  for (const std::string step : {"signing/begin", "signing/recorded",
                                 "signing/object", "signing/stored"}) {
    SCOPED_TRACE(step);
    KeyringRig rig;
    rig.Start();
    static std::string at;
    at = step;
    SetCrashHookForTest([](const char* now) {
      if (at == now) throw Crash{now};
    });
    EXPECT_THROW((void)rig.keyring_->signing().PublicKey(), Crash);
    SetCrashHookForTest(nullptr);
    rig.Start();
    EXPECT_OK(rig.keyring_->signing().Sign(kType, AsBytes("{}")));
    EXPECT_EQ(rig.objects_->size(), rig.foreign_objects_ + 1);
  }
}

TEST_F(SigningKeyTest, APairWhoseAnswerWasLostIsReplaced) {
  rig_.device_->FailNext(FakeOperation::kMakeSigningKey,
                         Error(Reason::kHsmUnavailable, "gone"), 1,
                         FakeDevice::Moment::kAfterEffect);
  EXPECT_THAT(signing().PublicKey(), HasReason(Reason::kHsmUnavailable));
  ExpectSigns();
  EXPECT_EQ(rig_.objects_->size(), rig_.foreign_objects_ + 1);
}

TEST_F(SigningKeyTest, AStoreThatFailsLeavesOnePairInTheEnd) {
  for (int n = 1; n <= 3; ++n) {
    for (const auto moment : {MemoryStore::Moment::kBeforeCommit,
                              MemoryStore::Moment::kAfterCommit}) {
      KeyringRig rig;
      rig.Start();
      rig.store_.FailUpdate(n, Error(Reason::kStoreFull, "full"), moment);
      EXPECT_THAT(rig.keyring_->signing().PublicKey(),
                  HasReason(Reason::kStoreFull));
      rig.clock_.Advance(61s);
      EXPECT_OK(rig.keyring_->signing().Sign(kType, AsBytes("{}")));
      EXPECT_EQ(rig.objects_->size(), rig.foreign_objects_ + 1);
    }
  }
}

TEST_F(SigningKeyTest, APairThatIsMissingOnTheTokenIsNotMadeAgain) {
  ASSERT_OK_AND_ASSIGN(const Bytes spki, signing().PublicKey());
  ASSERT_TRUE(rig_.objects_->RemoveSigningKey(
      Recorded(), SigningLabel(rig_.store_.installation_id())));
  rig_.Start();
  EXPECT_THAT(signing().Sign(kType, AsBytes("{}")),
              HasReason(Reason::kSigningKeyMissing));
  EXPECT_EQ(signing().PublicKey().value(), spki);
  EXPECT_EQ(rig_.objects_->size(), rig_.foreign_objects_);
}

TEST_F(SigningKeyTest, ATokenWithoutSuchKeysServesAndRefusesToSign) {
  rig_.device_->FailNext(FakeOperation::kMakeSigningKey,
                         Error(Reason::kHsmCapabilityMissing, "no EC"));
  EXPECT_THAT(signing().Sign(kType, AsBytes("{}")),
              HasReason(Reason::kHsmCapabilityMissing));
  rig_.Create("a");
  rig_.ExpectWhole();
}

TEST_F(SigningKeyTest, WhileAnotherProcessMakesItItIsAConflict) {
  EXPECT_OK(rig_.another_.Update([&](store::Transaction& t) -> Status {
    return t.TakeLease("signing-key", 60s).status();
  }));
  EXPECT_THAT(signing().PublicKey(), HasReason(Reason::kConflict));
  rig_.clock_.Advance(61s);
  ExpectSigns();
}

TEST_F(SigningKeyTest, ASettingThatCannotBeReadIsACorruptStore) {
  for (const char* setting : {"signing_key_id", "signing_public_key"}) {
    KeyringRig rig;
    EXPECT_OK(rig.store_.Update([&](store::Transaction& t) {
      return t.PutSetting(setting, "nonsense");
    }));
    rig.Start();
    EXPECT_THAT(rig.keyring_->signing().PublicKey(),
                HasReason(Reason::kStoreCorrupt));
    EXPECT_EQ(rig.objects_->size(), rig.foreign_objects_);
  }
}

TEST(SigningLabelTest, OnlyLabelsOfItsOwnFormAreParsed) {
  const Uuid id = Uuid::Random();
  const std::string label = SigningLabel(id);
  EXPECT_EQ(InstallationOfSigningLabel(label), id);
  for (size_t size = 0; size < label.size(); ++size) {
    EXPECT_EQ(InstallationOfSigningLabel(label.substr(0, size)), std::nullopt);
  }
  for (const char* other :
       {"strongroom//signing/v1", "strongroom/signing/v1", "strongroom/x/v1"}) {
    EXPECT_EQ(InstallationOfSigningLabel(other), std::nullopt);
  }
  EXPECT_EQ(InstallationOfSigningLabel(label + "0"), std::nullopt);
}

}  // namespace
}  // namespace strongroom::keyring
