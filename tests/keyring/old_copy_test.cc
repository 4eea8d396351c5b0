// A store or a token of yesterday destroys nothing that was kept since.
#include <thread>

#include "tests/keyring/keyring_rig.h"

namespace strongroom::keyring {
namespace {

using ::testing::HasSubstr;

class OldCopyTest : public ::testing::Test {
 protected:
  OldCopyTest() { rig_.Start(); }
  // Version 1 of a key is scheduled for destruction, and its primary is v2.
  Uuid CreateScheduled() {
    const Uuid id = rig_.Create("a")->id;
    rig_.Rotate(id);
    EXPECT_OK(rig_.Move(id, 1, VersionMove::kScheduleDestroy));
    return id;
  }
  const Version& First(const Uuid& id) {
    return *keyring().Current()->FindById(id)->Find(1);
  }
  bool IsOnToken(const Uuid& id) {
    return rig_.objects_->Contains(First(id).kek_id);
  }
  Keyring& keyring() { return *rig_.keyring_; }

  KeyringRig rig_;
};

TEST_F(OldCopyTest, ADestructionCancelledSinceTheCopyIsNotCarriedOut) {
  const Uuid id = CreateScheduled();
  const auto yesterday = rig_.store_.MakeBackup();
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kCancelDestroy));
  rig_.store_.Restore(*yesterday);
  rig_.clock_.Advance(365 * 24h);
  EXPECT_EQ(rig_.Start().held, 1);
  rig_.RunAllDue();
  EXPECT_TRUE(IsOnToken(id));
  EXPECT_TRUE(First(id).destruction_held);
  // Nor after changes that bring the copy past the watermark, and a restart.
  for (int i = 0; i < 10; ++i) rig_.Rotate(id);
  EXPECT_EQ(rig_.Start().held, 0) << "found once";
  rig_.RunAllDue();
  EXPECT_TRUE(IsOnToken(id));
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyScheduled);
}

TEST_F(OldCopyTest, AHeldDestructionGoesOnOnceItWasCancelledAndAskedForAnew) {
  const Uuid id = CreateScheduled();
  const auto yesterday = rig_.store_.MakeBackup();
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kCancelDestroy));
  rig_.store_.Restore(*yesterday);
  rig_.Start();
  EXPECT_THAT(rig_.Move(id, 1, VersionMove::kScheduleDestroy),
              HasReason(Reason::kVersionState))
      << "it is scheduled already";
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kCancelDestroy));
  EXPECT_FALSE(First(id).destruction_held);
  ASSERT_OK(rig_.keyring_->Move(id, 1, VersionMove::kScheduleDestroy, true));
  EXPECT_FALSE(First(id).destruction_held);
  rig_.clock_.Advance(30 * 24h);
  rig_.RunAllDue();
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyed);
}

TEST_F(OldCopyTest, ACopyWithoutItsWatermarkIsHeldToo) {
  const Uuid id = CreateScheduled();
  rig_.store_.ForgetWatermark();
  rig_.clock_.Advance(365 * 24h);
  EXPECT_EQ(rig_.Start().held, 1);
  rig_.RunAllDue();
  EXPECT_TRUE(IsOnToken(id));
}

TEST_F(OldCopyTest, TheStoreItselfIsNotHeld) {
  const Uuid id = CreateScheduled();
  rig_.clock_.Advance(365 * 24h);
  EXPECT_EQ(rig_.Start().held, 0);
  rig_.RunAllDue();
  EXPECT_FALSE(IsOnToken(id));
}

TEST_F(OldCopyTest, AHoldThatCannotBeStoredStopsTheStart) {
  CreateScheduled();
  rig_.store_.ForgetWatermark();
  rig_.Restart();
  rig_.store_.FailUpdate(1, Error(Reason::kStoreFull, "full"));
  EXPECT_THAT(keyring().Start(), HasReason(Reason::kStoreFull));
}

TEST_F(OldCopyTest, WhatWasDueBeforeTheStartWaitsForTheGracePeriod) {
  const Uuid id = CreateScheduled();
  // A copy of everything, the watermark too: nothing tells that it is one.
  rig_.store_.RestoreWithWatermark(*rig_.store_.MakeBackup());
  rig_.clock_.Advance(365 * 24h);
  rig_.destruction_grace_ = 24h;
  rig_.Start();
  rig_.clock_.Advance(24h - 1s);
  rig_.RunAllDue();
  EXPECT_TRUE(IsOnToken(id));
  rig_.clock_.Advance(1s);
  rig_.RunAllDue();
  EXPECT_FALSE(IsOnToken(id));
}

TEST_F(OldCopyTest, TheGracePeriodIsThereToCancel) {
  const Uuid id = CreateScheduled();
  rig_.clock_.Advance(365 * 24h);
  rig_.destruction_grace_ = 24h;
  rig_.Start();
  rig_.RunAllDue();
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kCancelDestroy));
  rig_.clock_.Advance(48h);
  rig_.RunAllDue();
  EXPECT_TRUE(IsOnToken(id));
}

TEST_F(OldCopyTest, WhatIsScheduledAfterTheStartDoesNotWaitForIt) {
  rig_.destruction_grace_ = 10 * 365 * 24h;
  rig_.Start();
  const Uuid id = CreateScheduled();
  rig_.clock_.Advance(30 * 24h);
  rig_.RunAllDue();
  EXPECT_FALSE(IsOnToken(id));
}

TEST_F(OldCopyTest, ADestroyedKekThatIsBackOnTheTokenIsReportedAndLeftAlone) {
  const Uuid id = CreateScheduled();
  const Uuid kek = First(id).kek_id;
  rig_.clock_.Advance(30 * 24h);
  rig_.RunAllDue();
  ASSERT_FALSE(rig_.objects_->Contains(kek));
  EXPECT_EQ(rig_.Start().returned_keks, 0);
  rig_.objects_->AddKek(kek, "as in the backup of the token");
  EXPECT_EQ(rig_.Start().returned_keks, 1);
  rig_.RunAllDue();
  EXPECT_TRUE(rig_.objects_->Contains(kek));
  EXPECT_THAT(keyring().ForOpen(id, 1), HasReason(Reason::kVersionState));
  ASSERT_OK_AND_ASSIGN(const auto objects, keyring().DescribeObjects());
  int described = 0;
  for (const auto& object : objects) {
    described += object.owner == "destroyed kek a v1";
  }
  EXPECT_EQ(described, 1);
}

TEST_F(OldCopyTest, NothingIsDestroyedOnATokenThatLacksThePrimary) {
  const Uuid id = CreateScheduled();
  const Uuid first = First(id).kek_id;
  const Uuid second = keyring().Current()->FindById(id)->Find(2)->kek_id;
  // As if an empty token of the same name were there.
  rig_.objects_->Remove(first);
  rig_.objects_->Remove(second);
  rig_.clock_.Advance(31 * 24h);
  rig_.Start();
  rig_.RunAllDue();
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyScheduled)
      << "recorded as destroyed, and it may still be on the right token";
  EXPECT_OK(rig_.Move(id, 1, VersionMove::kCancelDestroy));
}

TEST_F(OldCopyTest, ANewStoreBesideKeksOfAnotherIsReported) {
  rig_.Create("a");
  MemoryStore other;
  {
    const auto keyring = std::make_unique<Keyring>(
        other, *rig_.device_, rig_.clock_, NullMetrics(), KeyringOptions{});
    ASSERT_OK_AND_ASSIGN(const RecoveryReport report, keyring->Start());
    EXPECT_EQ(report.foreign_keks, 1);
  }
  // The rig makes another device.
  EXPECT_EQ(rig_.Start().foreign_keks, 0);
}

TEST_F(OldCopyTest, CreatingAKeyAgainKeepsTheKekOfAnUnfinishedCopy) {
  // The copy was made in the middle of the creation; the key was used since.
  SetCrashHookForTest([](const char* step) {
    if (std::string_view(step) == "create/pending") throw Crash{step};
  });
  EXPECT_THROW((void)keyring().CreateKey(Named("a")), Crash);
  SetCrashHookForTest(nullptr);
  const store::VersionRow row = rig_.VersionRows().front();
  rig_.objects_->AddKek(
      row.kek_id, "strongroom/" + rig_.store_.installation_id().ToString() +
                      "/" + row.key_id.ToString() + "/v1");
  rig_.Restart();
  // The start cannot finish it, for the moment.
  rig_.device_->FailNext(FakeOperation::kSeal,
                         Error(Reason::kHsmUnavailable, "gone"));
  ASSERT_OK(keyring().Start());
  EXPECT_THAT(keyring().CreateKey(Named("a")), HasReason(Reason::kKeyExists));
  EXPECT_TRUE(rig_.objects_->Contains(row.kek_id));
  ASSERT_NE(keyring().Current()->FindByName("a"), nullptr);
  EXPECT_EQ(keyring().Current()->FindByName("a")->id, row.key_id);
  rig_.ExpectWhole();
}

TEST_F(OldCopyTest, ANumberWhoseObjectCouldNotBeDestroyedIsNotUsedAgain) {
  const Uuid id = rig_.Create("a")->id;
  // The rotation to v2 fails, and so does taking it back.
  rig_.device_->FailNext(FakeOperation::kSeal,
                         Error(Reason::kHsmUnavailable, "gone"));
  rig_.device_->FailNext(FakeOperation::kDestroyKek,
                         Error(Reason::kHsmUnavailable, "gone"));
  EXPECT_THAT(keyring().Rotate(id), HasReason(Reason::kHsmUnavailable));
  ASSERT_EQ(rig_.VersionRows().size(), 1u) << "it is given up all the same";
  ASSERT_EQ(rig_.Removed().size(), 1u);
  EXPECT_TRUE(rig_.objects_->Contains(rig_.Removed()[0]));
  const uint32_t primary = rig_.Rotate(id)->primary;
  EXPECT_EQ(primary, 3u);
  rig_.Start();
  EXPECT_FALSE(rig_.objects_->Contains(rig_.Removed()[0]));
  EXPECT_EQ(keyring().Current()->FindById(id)->primary, primary);
  rig_.ExpectWhole();
}

TEST_F(OldCopyTest, APendingVersionOfACopyNeverBecomesPrimaryOverANewerOne) {
  const Uuid id = rig_.Create("a")->id;
  SetCrashHookForTest([](const char* step) {
    if (std::string_view(step) == "rotate/object") throw Crash{step};
  });
  EXPECT_THROW((void)keyring().Rotate(id), Crash);
  SetCrashHookForTest(nullptr);
  // Another process went on to v3 before this row was settled.
  store::VersionRow third;
  third.key_id = id;
  third.version = 3;
  third.kek_id = Uuid::Random();
  third.state = VersionState::kEnabled;
  third.created = rig_.clock_.Now();
  rig_.objects_->AddKek(third.kek_id, "third");
  EXPECT_OK(rig_.store_.Update([&](store::Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.InsertVersion(third));
    SR_ASSIGN_OR_RETURN(auto key, t.GetKey(id));
    key->primary_version = 3;
    return t.UpdateKey(*key);
  }));
  EXPECT_EQ(rig_.Start().finished, 1);
  EXPECT_EQ(keyring().Current()->FindById(id)->primary, 3u);
  EXPECT_EQ(rig_.StateOf(id, 2), VersionState::kEnabled);
}

}  // namespace
}  // namespace strongroom::keyring
