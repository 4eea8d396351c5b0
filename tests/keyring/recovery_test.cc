// Long because each case starts on what another crash, lost token or store of
// yesterday left.
#include "keyring/kek_label.h"
#include "tests/keyring/keyring_rig.h"

namespace strongroom::keyring {
namespace {

using ::testing::HasSubstr;

const char* g_stop_at = nullptr;
void StopAt(const char* step) {
  if (std::string_view(step) == g_stop_at) throw Crash{step};
}

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() { rig_.Start(); }
  // CrashAt ends the "process" at this step of `body`.
  void CrashAt(const char* step, const std::function<void()>& body) {
    g_stop_at = step;
    SetCrashHookForTest(&StopAt);
    EXPECT_THROW(body(), Crash);
    SetCrashHookForTest(nullptr);
  }
  Keyring& keyring() { return *rig_.keyring_; }
  const Key* Find(const Uuid& id) { return keyring().Current()->FindById(id); }

  KeyringRig rig_;
};

TEST_F(RecoveryTest, ACleanStartReportsNothing) {
  rig_.Create("a");
  const RecoveryReport report = rig_.Start();
  EXPECT_EQ(report.finished + report.removed + report.destroyed, 0);
  EXPECT_EQ(report.missing_keks + report.unknown_objects, 0);
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, StartReadsTheStoreAndTheTokenOnce) {
  for (int i = 0; i < 20; ++i) rig_.Create("k" + std::to_string(i));
  const int reads = rig_.store_.reads(), updates = rig_.store_.updates();
  rig_.Start();
  EXPECT_EQ(rig_.store_.reads() - reads, 1);
  EXPECT_EQ(rig_.store_.updates(), updates);
  EXPECT_EQ(rig_.device_->count(FakeOperation::kList), 1u);
  EXPECT_EQ(rig_.device_->count(FakeOperation::kSeal), 0u);
}

TEST_F(RecoveryTest, APendingVersionWithItsObjectIsFinished) {
  const Uuid id = rig_.Create("a")->id;
  CrashAt("rotate/object", [&] { (void)keyring().Rotate(id); });
  const RecoveryReport report = rig_.Start();
  EXPECT_EQ(report.finished, 1);
  EXPECT_EQ(report.removed, 0);
  EXPECT_EQ(Find(id)->primary, 2u);
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, ASealThatRecoveryMakesIsReservedFirst) {
  CrashAt("create/known-answer",
          [&] { (void)keyring().CreateKey(Named("a")); });
  rig_.Start();
  const Key* key = keyring().Current()->FindByName("a");
  ASSERT_NE(key, nullptr);
  // Two known answers at least, and the count is what was reserved for them.
  EXPECT_GE(keyring().SealsCounted(key->id, 1), 2u);
  ASSERT_EQ(rig_.VersionRows().size(), 1u);
  EXPECT_EQ(rig_.VersionRows()[0].seals_reserved, 2 * rig_.ledger_block_);
}

TEST_F(RecoveryTest, TheLedgerOfAResumedVersionCountsWhatMayHaveBeenUsed) {
  const Uuid id = rig_.Create("a")->id;
  CrashAt("rotate/known-answer", [&] { (void)keyring().Rotate(id); });
  rig_.Start();
  EXPECT_EQ(Find(id)->primary, 2u);
  // All of the first reservation, and the second known answer.
  EXPECT_EQ(keyring().SealsCounted(id, 2), rig_.ledger_block_ + 1);
}

TEST_F(RecoveryTest, APendingVersionWithoutItsObjectIsRemoved) {
  const Uuid id = rig_.Create("a")->id;
  CrashAt("rotate/pending", [&] { (void)keyring().Rotate(id); });
  const RecoveryReport report = rig_.Start();
  EXPECT_EQ(report.removed, 1);
  EXPECT_EQ(Find(id)->primary, 1u);
  EXPECT_EQ(Find(id)->versions.size(), 1u);
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, AKeyWithoutAnyFinishedVersionIsRemovedWhole) {
  CrashAt("create/pending", [&] { (void)keyring().CreateKey(Named("a")); });
  const RecoveryReport report = rig_.Start();
  EXPECT_EQ(report.removed, 1);
  EXPECT_TRUE(rig_.KeyRows().empty());
  EXPECT_OK(keyring().CreateKey(Named("a")));
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, APendingObjectThatIsNotProperIsRemoved) {
  const Uuid id = rig_.Create("a")->id;
  CrashAt("rotate/pending", [&] { (void)keyring().Rotate(id); });
  const Uuid kek = rig_.VersionRows()[1].kek_id;
  rig_.objects_->AddKek(kek, "");  // what a failed creation can leave
  const RecoveryReport report = rig_.Start();
  EXPECT_EQ(report.removed, 1);
  EXPECT_FALSE(rig_.objects_->Contains(kek));
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, APendingObjectThatTheTokenNeverFinishedIsRemoved) {
  const Uuid id = rig_.Create("a")->id;
  CrashAt("rotate/object", [&] { (void)keyring().Rotate(id); });
  const Uuid kek = rig_.VersionRows()[1].kek_id;
  ASSERT_TRUE(rig_.objects_->CutOff(kek));
  rig_.Restart();
  rig_.device_->FailNext(FakeOperation::kSeal,
                         Error(Reason::kHsmUnexpected, "it has no value"));
  ASSERT_OK_AND_ASSIGN(RecoveryReport report, keyring().Start());
  EXPECT_EQ(report.removed, 1);
  EXPECT_FALSE(rig_.objects_->Contains(kek));
  EXPECT_EQ(Find(id)->primary, 1u);
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, AFinishedPendingObjectIsNotRemovedForABadMoment) {
  const Uuid id = rig_.Create("a")->id;
  CrashAt("rotate/object", [&] { (void)keyring().Rotate(id); });
  const Uuid kek = rig_.VersionRows()[1].kek_id;
  rig_.Restart();
  rig_.device_->FailNext(FakeOperation::kSeal,
                         Error(Reason::kHsmUnexpected, "odd"));
  ASSERT_OK_AND_ASSIGN(RecoveryReport report, keyring().Start());
  EXPECT_EQ(report.finished + report.removed, 0);
  EXPECT_TRUE(rig_.objects_->Contains(kek));
  rig_.clock_.Advance(11s);
  rig_.RunAllDue();
  EXPECT_EQ(Find(id)->primary, 2u);
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, APendingObjectThatSealsIsFinishedWhateverItSaysOfItself) {
  const Uuid id = rig_.Create("a")->id;
  CrashAt("rotate/object", [&] { (void)keyring().Rotate(id); });
  ASSERT_TRUE(rig_.objects_->CutOff(rig_.VersionRows()[1].kek_id));
  EXPECT_EQ(rig_.Start().finished, 1);
  EXPECT_EQ(Find(id)->primary, 2u);
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, ARemnantOfATokenThatIsDownIsTriedAgain) {
  const Uuid id = rig_.Create("a")->id;
  CrashAt("rotate/object", [&] { (void)keyring().Rotate(id); });
  const Uuid kek = rig_.VersionRows()[1].kek_id;
  ASSERT_TRUE(rig_.objects_->CutOff(kek));
  rig_.Restart();
  rig_.device_->FailNext(FakeOperation::kSeal,
                         Error(Reason::kHsmUnavailable, "gone"));
  ASSERT_OK_AND_ASSIGN(RecoveryReport report, keyring().Start());
  EXPECT_EQ(report.finished + report.removed, 0);
  EXPECT_TRUE(rig_.objects_->Contains(kek));
}

TEST_F(RecoveryTest, APendingVersionOfALivingProcessIsLeftAlone) {
  const Uuid id = rig_.Create("a")->id;
  CrashAt("rotate/object", [&] { (void)keyring().Rotate(id); });
  // Another keyring, while the first one's lease holds: it is not dead for us.
  auto other = rig_.NewKeyring(rig_.another_);
  ASSERT_OK_AND_ASSIGN(RecoveryReport report, other->Start());
  EXPECT_EQ(report.finished + report.removed, 0);
  EXPECT_EQ(rig_.VersionRows()[1].state, VersionState::kPending);
  EXPECT_TRUE(rig_.objects_->Contains(rig_.VersionRows()[1].kek_id));
  // It is dead when the lease has run out.
  rig_.clock_.Advance(61s);
  other->RunDue();
  EXPECT_EQ(rig_.VersionRows()[1].state, VersionState::kEnabled);
  EXPECT_EQ(other->Current()->FindById(id)->primary, 2u);
}

TEST_F(RecoveryTest, AnObjectOfAVersionGivenUpIsDestroyedAtTheNextStart) {
  const Uuid id = rig_.Create("a")->id;
  rig_.device_->FailNext(FakeOperation::kSeal,
                         Error(Reason::kHsmUnavailable, "gone"));
  CrashAt("take-back/rows", [&] { (void)keyring().Rotate(id); });
  ASSERT_EQ(rig_.Removed().size(), 1u);
  ASSERT_TRUE(rig_.objects_->Contains(rig_.Removed()[0]));
  EXPECT_EQ(rig_.Start().unknown_objects, 0);
  EXPECT_FALSE(rig_.objects_->Contains(rig_.Removed()[0]));
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, APendingVersionOfAnOldCopyIsNeverGivenUp) {
  const Uuid id = rig_.Create("a")->id;
  CrashAt("rotate/pending", [&] { (void)keyring().Rotate(id); });
  rig_.store_.ForgetWatermark();
  EXPECT_EQ(rig_.Start().removed, 0);
  ASSERT_EQ(rig_.VersionRows().size(), 2u);
  EXPECT_TRUE(rig_.VersionRows()[1].held);
  // Its KEK, if it was made since, is not destroyed; a rotation goes past it.
  rig_.clock_.Advance(10min);
  rig_.RunAllDue();
  EXPECT_EQ(rig_.VersionRows().size(), 2u);
  EXPECT_EQ(rig_.Rotate(id)->primary, 3u);
  EXPECT_TRUE(rig_.Removed().empty());
}

TEST_F(RecoveryTest, WhatADeviceRefusesAtStartIsTriedAgain) {
  const Uuid id = rig_.Create("a")->id;
  CrashAt("rotate/object", [&] { (void)keyring().Rotate(id); });
  rig_.Restart();
  rig_.device_->FailNext(FakeOperation::kSeal,
                         Error(Reason::kHsmUnavailable, "gone"));
  ASSERT_OK_AND_ASSIGN(RecoveryReport report, keyring().Start());
  EXPECT_EQ(report.finished + report.removed, 0);
  EXPECT_OK(keyring().ForSeal(id)) << "the old primary goes on";
  keyring().RunDue();
  EXPECT_EQ(Find(id)->primary, 1u) << "not at once";
  rig_.clock_.Advance(11s);
  rig_.RunAllDue();
  EXPECT_EQ(Find(id)->primary, 2u);
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, AFailedRotationDoesNotTakeBackWhatStartMayStillFinish) {
  const Uuid id = rig_.Create("a")->id;
  CrashAt("rotate/object", [&] { (void)keyring().Rotate(id); });
  const Uuid pending = rig_.VersionRows()[1].kek_id;
  rig_.Restart();
  const Status gone = Error(Reason::kHsmUnavailable, "gone");
  rig_.device_->FailNext(FakeOperation::kSeal, gone);
  rig_.device_->FailNext(FakeOperation::kCreateKek, gone);
  ASSERT_OK(keyring().Start());
  EXPECT_THAT(keyring().Rotate(id), HasReason(Reason::kHsmUnavailable));
  EXPECT_TRUE(rig_.objects_->Contains(pending));
  rig_.clock_.Advance(11s);
  rig_.RunAllDue();
  EXPECT_EQ(Find(id)->primary, 2u);
  EXPECT_EQ(Find(id)->Find(2)->kek_id, pending);
  EXPECT_EQ(Find(id)->versions.size(), 2u);
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, StartFailsIfTheTokenCannotBeListed) {
  rig_.Restart();
  rig_.device_->FailNext(FakeOperation::kList,
                         Error(Reason::kHsmUnavailable, "gone"));
  EXPECT_THAT(keyring().Start(), HasReason(Reason::kHsmUnavailable));
}

TEST_F(RecoveryTest, StartFailsIfTheStoreCannotBeRead) {
  rig_.Restart();
  rig_.store_.FailRead(Error(Reason::kStoreCorrupt, "damaged"));
  EXPECT_THAT(keyring().Start(), HasReason(Reason::kStoreCorrupt));
}

TEST_F(RecoveryTest, AnImpossibleRowIsCorruption) {
  store::KeyRow row;
  row.id = Uuid::Random();
  row.name = "Not A Name";
  row.primary_version = 1;
  store::VersionRow version;
  version.key_id = row.id;
  version.version = 1;
  version.kek_id = Uuid::Random();
  version.state = VersionState::kEnabled;
  ASSERT_OK(rig_.store_.Update([&](store::Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.InsertKey(row));
    return t.InsertVersion(version);
  }));
  rig_.Restart();
  EXPECT_THAT(keyring().Start(), HasReason(Reason::kStoreCorrupt));
}

TEST_F(RecoveryTest, APrimaryWithoutARowIsCorruption) {
  const Uuid id = rig_.Create("a")->id;
  ASSERT_OK(rig_.store_.Update(
      [&](store::Transaction& t) { return t.DeleteVersion(id, 1); }));
  rig_.Restart();
  EXPECT_THAT(keyring().Start(),
              HasReason(Reason::kStoreCorrupt, HasSubstr("v1")));
}

TEST_F(RecoveryTest, AMissingKekIsCountedAndAnswersSo) {
  const Uuid id = rig_.Create("a")->id;
  rig_.Rotate(id);
  const Uuid whole = rig_.Create("b")->id;
  rig_.objects_->Remove(Find(id)->Find(1)->kek_id);
  rig_.objects_->Remove(Find(id)->Find(2)->kek_id);
  EXPECT_EQ(rig_.Start().missing_keks, 2);
  EXPECT_THAT(keyring().ForSeal(id),
              HasReason(Reason::kKekNotOnToken, HasSubstr("a v2")));
  EXPECT_THAT(keyring().ForOpen(id, 1), HasReason(Reason::kKekNotOnToken));
  EXPECT_OK(keyring().ForSeal(whole));
  // A rotation gives the key a KEK again.
  rig_.Rotate(id);
  EXPECT_OK(keyring().ForSeal(id));
  EXPECT_THAT(keyring().ForOpen(id, 2), HasReason(Reason::kKekNotOnToken));
}

TEST_F(RecoveryTest, ADestructionWhoseObjectIsGoneIsCompleted) {
  const Uuid id = rig_.Create("a")->id;
  rig_.Rotate(id);
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kScheduleDestroy));
  rig_.clock_.Advance(31 * 24h);
  CrashAt("destroy/object", [&] { keyring().RunDue(); });
  EXPECT_EQ(rig_.Start().destroyed, 1);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyed);
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, ADestructionThatWasMarkedIsCompletedEvenIfTheClockIsBack) {
  const Uuid id = rig_.Create("a")->id;
  rig_.Rotate(id);
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kScheduleDestroy));
  const WallTime early = rig_.clock_.Now();
  rig_.clock_.Advance(31 * 24h);
  CrashAt("destroy/marked", [&] { keyring().RunDue(); });
  rig_.clock_.SetNow(early);
  EXPECT_EQ(rig_.Start().destroyed, 1);
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, AnUnknownObjectIsCountedAndLeftAlone) {
  const Uuid unknown = Uuid::Random();
  const Uuid theirs = Uuid::Random();
  const Uuid here = rig_.store_.installation_id();
  rig_.objects_->AddKek(unknown, KekLabel{here, Uuid::Random(), 1}.ToString());
  rig_.objects_->AddKek(theirs,
                        KekLabel{Uuid::Random(), Uuid::Random(), 1}.ToString());
  EXPECT_EQ(rig_.Start().unknown_objects, 1);
  rig_.RunAllDue();
  EXPECT_TRUE(rig_.objects_->Contains(unknown));
  EXPECT_TRUE(rig_.objects_->Contains(theirs));
}

TEST_F(RecoveryTest, AStoreOfYesterdayGoesOnAfterTheTokensHighestVersion) {
  const Uuid id = rig_.Create("a")->id;
  const auto yesterday = rig_.store_.MakeBackup();
  rig_.Rotate(id);
  rig_.Rotate(id);
  const Uuid lost = Find(id)->Find(3)->kek_id;
  rig_.store_.Restore(*yesterday);
  EXPECT_EQ(rig_.Start().unknown_objects, 2);
  EXPECT_EQ(Find(id)->primary, 1u);
  EXPECT_EQ(rig_.Rotate(id)->primary, 4u);
  EXPECT_EQ(rig_.Rotate(id)->primary, 5u);
  EXPECT_TRUE(rig_.objects_->Contains(lost));
}

TEST_F(RecoveryTest, AStoreOfYesterdayDestroysNothing) {
  const Uuid id = rig_.Create("a")->id;
  rig_.Rotate(id);
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kScheduleDestroy));
  const auto yesterday = rig_.store_.MakeBackup();
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kCancelDestroy));
  rig_.Rotate(id);
  const Uuid lost = Find(id)->Find(3)->kek_id;
  const size_t objects = rig_.objects_->size();
  rig_.store_.Restore(*yesterday);
  rig_.clock_.Advance(365 * 24h);
  rig_.Start();
  rig_.RunAllDue();
  EXPECT_EQ(rig_.objects_->size(), objects);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyScheduled);
  // The operator finds out, cancels, and cleans up; destructions go on then.
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kCancelDestroy));
  ASSERT_OK(rig_.keyring_->Move(id, 1, VersionMove::kScheduleDestroy, true));
  rig_.objects_->Remove(lost);
  rig_.clock_.Advance(31 * 24h);
  EXPECT_EQ(rig_.Start().unknown_objects, 0);
  rig_.RunAllDue();
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyed);
}

TEST_F(RecoveryTest, AStoreOfYesterdayWithAPendingRowKeepsItsKek) {
  const Uuid id = rig_.Create("a")->id;
  std::shared_ptr<const MemoryStore::Backup> yesterday;
  CrashAt("rotate/pending", [&] { (void)keyring().Rotate(id); });
  yesterday = rig_.store_.MakeBackup();
  // Today the same row was finished, and has wrapped things.
  const store::VersionRow pending = rig_.VersionRows()[1];
  rig_.objects_->AddKek(
      pending.kek_id,
      KekLabel{rig_.store_.installation_id(), id, pending.version}.ToString());
  rig_.Start();
  rig_.store_.Restore(*yesterday);
  EXPECT_EQ(rig_.Start().finished, 1);
  EXPECT_TRUE(rig_.objects_->Contains(pending.kek_id));
  rig_.ExpectWhole();
}

TEST_F(RecoveryTest, ALostStoreDestroysNothing) {
  rig_.Create("a");
  const size_t objects = rig_.objects_->size();
  rig_.store_.Restore({});
  EXPECT_EQ(rig_.Start().unknown_objects, 1);
  rig_.RunAllDue();
  EXPECT_EQ(rig_.objects_->size(), objects);
}

TEST_F(RecoveryTest, AnotherKeyUnderAnIdIsRefusedByItsKnownAnswer) {
  const Uuid id = rig_.Create("a")->id;
  const Uuid kek = Find(id)->Find(1)->kek_id;
  ASSERT_TRUE(rig_.objects_->ReplaceKey(kek));
  rig_.Start();
  EXPECT_THAT(rig_.device_->Prove(kek), HasReason(Reason::kKekNotOnToken));
}

}  // namespace
}  // namespace strongroom::keyring
