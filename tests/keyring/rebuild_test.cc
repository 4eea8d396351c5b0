// Rebuild: what the token knows comes back, and nothing else is touched.
#include "strongroom/keyring/rebuild.h"

#include "keyring/kek_label.h"
#include "strongroom/keyring/signing_key.h"
#include "tests/keyring/keyring_rig.h"

namespace strongroom::keyring {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RebuildTest : public ::testing::Test {
 protected:
  RebuildTest() {
    rig_.Start();
    key_ = rig_.Create("payments/cards")->id;
    empty_ = rig_.store_.MakeBackup();
  }

  StatusOr<RebuildReport> Run(const std::map<Uuid, KeyName>& names = {}) {
    rig_.Restart();
    return Rebuild(rig_.store_, *rig_.device_, rig_.clock_, names);
  }
  store::VersionRow RowOf(uint32_t version) {
    for (const store::VersionRow& row : rig_.VersionRows()) {
      if (row.key_id == key_ && row.version == version) return row;
    }
    ADD_FAILURE() << "no row of version " << version;
    return {};
  }
  // A store of the same installation without a row.
  void LoseRows() {
    EXPECT_OK(rig_.store_.Update([&](store::Transaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(const auto versions, t.AllVersions());
      for (const store::VersionRow& row : versions) {
        SR_RETURN_IF_ERROR(t.DeleteVersion(row.key_id, row.version));
      }
      SR_ASSIGN_OR_RETURN(const auto keys, t.AllKeys());
      for (const store::KeyRow& key : keys) {
        SR_RETURN_IF_ERROR(t.DeleteKey(key.id));
      }
      return OkStatus();
    }));
  }

  KeyringRig rig_;
  Uuid key_;
  std::shared_ptr<const MemoryStore::Backup> empty_;
};

TEST_F(RebuildTest, EveryVersionComesBackAndTheFirstStartRotates) {
  rig_.Rotate(key_);
  rig_.Rotate(key_);
  LoseRows();
  ASSERT_OK_AND_ASSIGN(const RebuildReport report, Run());
  EXPECT_THAT(report.added, SizeIs(3));
  EXPECT_EQ(report.keys_made, 1);
  EXPECT_THAT(report.left, IsEmpty());
  rig_.Start();
  const auto snapshot = rig_.keyring_->Current();
  const Key* key = snapshot->FindByName("recovered/" + key_.ToString());
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->primary, 3u);
  for (uint32_t version : {1u, 2u, 3u}) {
    EXPECT_OK(rig_.keyring_->ForOpen(key_, version));
  }
  EXPECT_THAT(rig_.keyring_->ForSeal(key_),
              HasReason(Reason::kSealLimitReached));
  rig_.RunAllDue();
  EXPECT_EQ(rig_.keyring_->Current()->FindById(key_)->primary, 4u);
  EXPECT_OK(rig_.keyring_->ForSeal(key_));
  rig_.ExpectWhole();
}

TEST_F(RebuildTest, AnOldCopyGetsItsNewerVersionsAndNoneOfItSeals) {
  rig_.Rotate(key_);
  rig_.Rotate(key_);
  rig_.store_.Restore(*empty_);
  ASSERT_OK_AND_ASSIGN(const RebuildReport report, Run());
  ASSERT_THAT(report.added, SizeIs(2));
  EXPECT_EQ(report.added[0].key, "payments/cards");
  EXPECT_EQ(report.added[0].version, 2u);
  EXPECT_EQ(report.keys_made, 0);
  for (const store::VersionRow& row : rig_.VersionRows()) {
    EXPECT_GE(row.seals_reserved, kRefuseAtSeals) << row.version;
  }
  EXPECT_EQ(rig_.Start().unknown_objects, 0);
  rig_.RunAllDue();
  EXPECT_EQ(rig_.keyring_->Current()->FindById(key_)->primary, 4u);
  rig_.ExpectWhole();
}

TEST_F(RebuildTest, NamesAreGivenAndATakenOneIsRefused) {
  LoseRows();
  EXPECT_OK(Run({{key_, Name("a/b")}}));
  EXPECT_EQ(rig_.KeyRows().at(0).name, "a/b");
  rig_.Start();
  const Uuid second = rig_.Create("c/d")->id;
  LoseRows();
  EXPECT_THAT(Run({{key_, Name("a/b")}, {second, Name("a/b")}}),
              HasReason(Reason::kKeyExists));
  EXPECT_THAT(rig_.KeyRows(), IsEmpty()) << "all or nothing";
}

TEST_F(RebuildTest, WithNothingNewNothingIsChanged) {
  const auto before = rig_.VersionRows();
  ASSERT_OK_AND_ASSIGN(const RebuildReport report, Run());
  EXPECT_THAT(report.added, IsEmpty());
  EXPECT_EQ(rig_.VersionRows(), before);
}

TEST_F(RebuildTest, ForeignObjectsAndDestroyedVersionsDoNotComeBack) {
  rig_.Rotate(key_);
  const Uuid gone = RowOf(1).kek_id;
  EXPECT_OK(rig_.Move(key_, 1, VersionMove::kScheduleDestroy));
  rig_.clock_.Advance(31 * 24h);
  rig_.RunAllDue();
  const Uuid here = rig_.store_.installation_id();
  // From a backup of the token.
  rig_.objects_->AddKek(gone, KekLabel{here, key_, 1}.ToString());
  rig_.objects_->AddKek(Uuid::Random(),
                        KekLabel{Uuid::Random(), key_, 7}.ToString());
  rig_.objects_->AddForeign(Uuid::Random().bytes(),
                            KekLabel{here, key_, 8}.ToString());
  ASSERT_OK_AND_ASSIGN(const RebuildReport report, Run());
  EXPECT_THAT(report.added, IsEmpty());
  EXPECT_THAT(report.left, ElementsAre(HasSubstr("/v8")));
  EXPECT_EQ(RowOf(1).state, VersionState::kDestroyed);
}

TEST_F(RebuildTest, TwoKeksForOneVersionAreLeftAlone) {
  const Uuid here = rig_.store_.installation_id();
  for (int i = 0; i < 2; ++i) {
    rig_.objects_->AddKek(Uuid::Random(), KekLabel{here, key_, 5}.ToString());
  }
  rig_.objects_->AddKek(Uuid::Random(), KekLabel{here, key_, 1}.ToString());
  ASSERT_OK_AND_ASSIGN(const RebuildReport report, Run());
  EXPECT_THAT(report.added, IsEmpty());
  EXPECT_THAT(report.left,
              ElementsAre(HasSubstr("another KEK"), HasSubstr("two KEKs")));
}

TEST_F(RebuildTest, ATokenThatFailsChangesNothing) {
  rig_.Rotate(key_);
  rig_.store_.Restore(*empty_);
  const auto before = rig_.VersionRows();
  rig_.Restart();
  rig_.device_->FailNext(FakeOperation::kSeal,
                         Error(Reason::kHsmUnavailable, "away"));
  EXPECT_THAT(Rebuild(rig_.store_, *rig_.device_, rig_.clock_, {}),
              HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(rig_.VersionRows(), before);
}

TEST_F(RebuildTest, ARemnantIsLeftAloneAndTheRestComesBack) {
  rig_.Rotate(key_);
  rig_.store_.Restore(*empty_);
  rig_.Restart();
  rig_.device_->FailNext(FakeOperation::kSeal,
                         Error(Reason::kHsmUnexpected, "no value"));
  ASSERT_OK_AND_ASSIGN(const RebuildReport report,
                       Rebuild(rig_.store_, *rig_.device_, rig_.clock_, {}));
  EXPECT_THAT(report.added, IsEmpty());
  EXPECT_THAT(report.left, ElementsAre(HasSubstr("no value")));
}

TEST_F(RebuildTest, TheSigningKeyIsTakenUpIfThereIsOne) {
  ASSERT_OK_AND_ASSIGN(const Bytes spki, rig_.keyring_->signing().PublicKey());
  rig_.store_.Restore(*empty_);
  ASSERT_OK_AND_ASSIGN(RebuildReport report, Run());
  EXPECT_TRUE(report.signing_key);
  rig_.Start();
  EXPECT_EQ(rig_.keyring_->signing().PublicKey().value(), spki);
  ASSERT_OK_AND_ASSIGN(report, Run());
  EXPECT_FALSE(report.signing_key) << "known by now";
}

TEST_F(RebuildTest, OfTwoSigningKeysNoneIsTakenUp) {
  const std::string label = SigningLabel(rig_.store_.installation_id());
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(rig_.device_->MakeSigningKey(Uuid::Random(), label).status());
  }
  ASSERT_OK_AND_ASSIGN(const RebuildReport report, Run());
  EXPECT_FALSE(report.signing_key);
  EXPECT_THAT(report.left, ElementsAre(HasSubstr("2 signing keys")));
}

TEST_F(RebuildTest, MarkOldCopyHoldsWhatIsScheduledAndSparesWhatIsGone) {
  rig_.Rotate(key_);
  EXPECT_OK(rig_.Move(key_, 1, VersionMove::kScheduleDestroy));
  EXPECT_OK(rig_.store_.Update(&MarkOldCopy));
  EXPECT_TRUE(RowOf(1).held);
  EXPECT_FALSE(RowOf(2).held);
  EXPECT_EQ(RowOf(2).seals_reserved, kRefuseAtSeals);
  rig_.EditVersion(key_, 1, [](store::VersionRow* row) {
    row->held = false;
    row->destroying = true;
  });
  EXPECT_OK(rig_.store_.Update(&MarkOldCopy));
  EXPECT_FALSE(RowOf(1).held) << "what has begun goes on";
}

TEST_F(RebuildTest, WhatWasIssuedSinceIsUnknownSoNothingIsSaidToBeEmpty) {
  NewKey demanding = Named("d/e");
  demanding.settings.registration = RegistrationRule::kRequired;
  const Uuid strict = rig_.keyring_->CreateKey(demanding).value()->id;
  const auto copy = rig_.store_.MakeBackup();
  rig_.Rotate(key_);
  rig_.store_.Restore(*copy);
  EXPECT_OK(Run());
  rig_.Start();
  EXPECT_FALSE(rig_.keyring_->Current()->FindById(strict)->always_required);
  for (const Uuid& id : {strict, key_}) {
    ASSERT_OK_AND_ASSIGN(const auto traces, rig_.keyring_->TracesOf(id));
    for (const Traces& one : traces) EXPECT_TRUE(one.uncounted) << one.version;
  }
}

TEST_F(RebuildTest, InstallationsAreCounted) {
  const Uuid theirs = Uuid::Random();
  for (uint32_t version : {1u, 2u}) {
    rig_.objects_->AddKek(Uuid::Random(),
                          KekLabel{theirs, key_, version}.ToString());
  }
  ASSERT_OK_AND_ASSIGN(const auto found, InstallationsOn(*rig_.device_));
  EXPECT_EQ(found, (std::map<Uuid, int>{{rig_.store_.installation_id(), 1},
                                        {theirs, 2}}));
}

}  // namespace
}  // namespace strongroom::keyring
