// What time brings: rotations and destructions, on good clocks and bad.
#include "tests/keyring/keyring_rig.h"

namespace strongroom::keyring {
namespace {

using ::testing::HasSubstr;

class DueTest : public ::testing::Test {
 protected:
  DueTest() { rig_.Start(); }
  Uuid CreateRotating(std::string_view name, int64_t period_s) {
    NewKey key = Named(name);
    key.settings.rotation_period = std::chrono::seconds(period_s);
    auto created = keyring().CreateKey(key);
    EXPECT_OK(created);
    return (*created)->id;
  }
  // A key whose version 1 is scheduled for destruction in 30 days.
  Uuid CreateScheduled(std::string_view name) {
    const Uuid id = rig_.Create(name)->id;
    rig_.Rotate(id);
    EXPECT_OK(rig_.Move(id, 1, VersionMove::kScheduleDestroy));
    return id;
  }
  uint32_t PrimaryOf(const Uuid& id) {
    return keyring().Current()->FindById(id)->primary;
  }
  Uuid KekOf(const Uuid& id, uint32_t version) {
    return keyring().Current()->FindById(id)->Find(version)->kek_id;
  }
  Keyring& keyring() { return *rig_.keyring_; }

  KeyringRig rig_;
};

TEST_F(DueTest, AKeyIsRotatedWhenItsPeriodIsOverAndNotBefore) {
  const Uuid id = CreateRotating("a", 3600);
  const Uuid never = CreateRotating("b", 0);
  rig_.clock_.Advance(3600s - 1us);
  keyring().RunDue();
  EXPECT_EQ(PrimaryOf(id), 1u);
  rig_.clock_.Advance(1us);
  rig_.RunAllDue();
  EXPECT_EQ(PrimaryOf(id), 2u);
  EXPECT_EQ(PrimaryOf(never), 1u);
  EXPECT_EQ(keyring().Current()->FindById(id)->next_rotation,
            rig_.clock_.Now() + 3600s);
}

TEST_F(DueTest, ALongStopCausesOneRotationNotMany) {
  const Uuid id = CreateRotating("a", 3600);
  rig_.clock_.Advance(1000 * 3600s);
  rig_.Start();
  rig_.RunAllDue();
  rig_.RunAllDue();
  EXPECT_EQ(PrimaryOf(id), 2u);
}

TEST_F(DueTest, AClockThatJumpsForwardAndBackCausesOneRotation) {
  const Uuid id = CreateRotating("a", 3600);
  const WallTime right = rig_.clock_.Now();
  rig_.clock_.SetNow(right + 10 * 365 * 24h);
  rig_.RunAllDue();
  EXPECT_EQ(PrimaryOf(id), 2u);
  rig_.clock_.SetNow(right);
  rig_.RunAllDue();
  EXPECT_EQ(PrimaryOf(id), 2u);
  EXPECT_EQ(keyring().Current()->FindById(id)->next_rotation, right + 3600s)
      << "not in ten years";
  rig_.clock_.Advance(3600s);
  rig_.RunAllDue();
  EXPECT_EQ(PrimaryOf(id), 3u);
}

TEST_F(DueTest, ASmallStepBackChangesNothing) {
  const Uuid id = CreateRotating("a", 3600);
  const int before = rig_.store_.updates();
  rig_.clock_.SetNow(rig_.clock_.Now() - 10s);
  rig_.RunAllDue();
  EXPECT_EQ(PrimaryOf(id), 1u);
  EXPECT_EQ(rig_.store_.updates(), before);
}

TEST_F(DueTest, RotationsArePacedOneAtATime) {
  const Uuid ids[] = {CreateRotating("a", 3600), CreateRotating("b", 3600),
                      CreateRotating("c", 3600)};
  rig_.clock_.Advance(3600s);
  for (int done = 1; done <= 3; ++done) {
    const WallTime next = keyring().RunDue();
    uint32_t versions = 0;
    for (const Uuid& id : ids) versions += PrimaryOf(id);
    EXPECT_EQ(versions, 3u + static_cast<uint32_t>(done));
    EXPECT_GT(next, rig_.clock_.Now());
    EXPECT_EQ(next <= rig_.clock_.Now() + 1s, done < 3) << done;
  }
}

TEST_F(DueTest, RunDueAsksToBeCalledWhenTheNextThingIsDue) {
  EXPECT_EQ(keyring().RunDue(), rig_.clock_.Now() + 30s);
  const WallTime due = rig_.clock_.Now() + 3600s;
  CreateRotating("a", 3600);
  rig_.clock_.Advance(3600s - 7s);
  EXPECT_EQ(keyring().RunDue(), due);
}

TEST_F(DueTest, AKeyThatCannotBeRotatedDoesNotStopTheOthers) {
  const Uuid a = CreateRotating("a", 3600);
  const Uuid b = CreateRotating("b", 3600);
  rig_.clock_.Advance(3600s);
  rig_.device_->FailNext(FakeOperation::kCreateKek,
                         Error(Reason::kHsmUnavailable, "gone"));
  keyring().RunDue();
  EXPECT_EQ(PrimaryOf(a), 1u);
  keyring().RunDue();
  EXPECT_EQ(PrimaryOf(b), 2u);
  keyring().RunDue();
  EXPECT_EQ(PrimaryOf(a), 1u) << "not again at once";
  rig_.clock_.Advance(10s);
  rig_.RunAllDue();
  EXPECT_EQ(PrimaryOf(a), 2u);
  rig_.ExpectWhole();
}

TEST_F(DueTest, APeriodSetLaterCountsFromTheAgeOfThePrimary) {
  const Uuid id = rig_.Create("a")->id;
  const WallTime created = rig_.clock_.Now();
  rig_.clock_.Advance(1800s);
  KeyChange change;
  change.rotation_period = std::chrono::seconds(3600);
  ASSERT_OK_AND_ASSIGN(auto key, keyring().UpdateKey(id, change));
  EXPECT_EQ(key->next_rotation, created + 3600s);
  rig_.clock_.Advance(7200s);
  change.rotation_period = std::chrono::seconds(0);
  ASSERT_OK(keyring().UpdateKey(id, change));
  rig_.RunAllDue();
  EXPECT_EQ(PrimaryOf(id), 1u) << "switched off in time";
  change.rotation_period = std::chrono::seconds(3600);
  ASSERT_OK(keyring().UpdateKey(id, change));
  rig_.RunAllDue();
  EXPECT_EQ(PrimaryOf(id), 2u);
}

TEST_F(DueTest, AManualRotationStartsThePeriodAnew) {
  const Uuid id = CreateRotating("a", 3600);
  rig_.clock_.Advance(3000s);
  rig_.Rotate(id);
  rig_.clock_.Advance(3000s);
  rig_.RunAllDue();
  EXPECT_EQ(PrimaryOf(id), 2u);
}

TEST_F(DueTest, AScheduledVersionIsDestroyedWhenItsTimeHasComeAndNotBefore) {
  const Uuid id = CreateScheduled("a");
  const Uuid kek = KekOf(id, 1);
  EXPECT_EQ(keyring().Current()->FindById(id)->Find(1)->destroy_time,
            rig_.clock_.Now() + 30 * 24h);
  rig_.clock_.Advance(30 * 24h - 1us);
  keyring().RunDue();
  EXPECT_TRUE(rig_.objects_->Contains(kek));
  rig_.clock_.Advance(1us);
  rig_.RunAllDue();
  EXPECT_FALSE(rig_.objects_->Contains(kek));
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyed);
  EXPECT_EQ(keyring().Current()->FindById(id)->Find(1)->destroy_time,
            rig_.clock_.Now());
  EXPECT_THAT(keyring().ForOpen(id, 1), HasReason(Reason::kVersionState));
  rig_.ExpectWhole();
}

TEST_F(DueTest, ACancelledDestructionDoesNotHappen) {
  const Uuid id = CreateScheduled("a");
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kCancelDestroy));
  EXPECT_EQ(keyring().Current()->FindById(id)->Find(1)->destroy_time,
            WallTime{});
  rig_.clock_.Advance(60 * 24h);
  rig_.RunAllDue();
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDisabled);
  rig_.ExpectWhole();
}

TEST_F(DueTest, CancelBehindTheKeyringsBackIsSeenInTheTransaction) {
  const Uuid id = CreateScheduled("a");
  rig_.EditVersion(id, 1, [](store::VersionRow* row) {
    row->state = VersionState::kDisabled;
  });
  rig_.clock_.Advance(31 * 24h);
  keyring().RunDue();
  EXPECT_TRUE(rig_.objects_->Contains(KekOf(id, 1)));
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDisabled) << "and published";
}

TEST_F(DueTest, ALaterTimeBehindTheKeyringsBackIsSeenInTheTransaction) {
  const Uuid id = CreateScheduled("a");
  rig_.EditVersion(
      id, 1, [](store::VersionRow* row) { row->destroy_time += 365 * 24h; });
  rig_.clock_.Advance(31 * 24h);
  keyring().RunDue();
  EXPECT_TRUE(rig_.objects_->Contains(KekOf(id, 1)));
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyScheduled);
}

TEST_F(DueTest, ADestructionThatHasBegunCannotBeCancelled) {
  const Uuid id = CreateScheduled("a");
  rig_.clock_.Advance(31 * 24h);
  // The token destroys, and loses the answer, for a while.
  rig_.device_->FailNext(FakeOperation::kDestroyKek,
                         Error(Reason::kHsmUnavailable, "gone"), 2,
                         FakeDevice::Moment::kAfterEffect);
  keyring().RunDue();
  EXPECT_FALSE(rig_.objects_->Contains(KekOf(id, 1)));
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyScheduled);
  EXPECT_THAT(rig_.Move(id, 1, VersionMove::kCancelDestroy),
              HasReason(Reason::kVersionState, HasSubstr("being destroyed")));
  rig_.clock_.Advance(11s);
  rig_.RunAllDue();
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyed);
  rig_.ExpectWhole();
}

TEST_F(DueTest, ADelayOfZeroDestroysAtTheNextRun) {
  NewKey wanted = Named("a");
  wanted.settings.destroy_after = std::chrono::seconds(0);
  ASSERT_OK_AND_ASSIGN(auto key, keyring().CreateKey(wanted));
  rig_.Rotate(key->id);
  ASSERT_OK(rig_.Move(key->id, 1, VersionMove::kScheduleDestroy));
  rig_.RunAllDue();
  EXPECT_EQ(rig_.StateOf(key->id, 1), VersionState::kDestroyed);
}

TEST_F(DueTest, ANumberOfADestroyedVersionIsNotUsedAgain) {
  const Uuid id = CreateScheduled("a");
  rig_.clock_.Advance(31 * 24h);
  rig_.RunAllDue();
  rig_.Start();
  EXPECT_EQ(rig_.Rotate(id)->primary, 3u);
}

TEST_F(DueTest, WhatTimeDoesIsToldBeforeItBeginsAndWhenItIsDone) {
  const Uuid id = CreateScheduled("a");
  rig_.clock_.Advance(30 * 24h);
  rig_.RunAllDue();
  ASSERT_EQ(rig_.events_.size(), 2u);
  EXPECT_EQ(rig_.events_[0].kind, Event::Kind::kDestruction);
  EXPECT_FALSE(rig_.events_[0].done);
  EXPECT_EQ(rig_.events_[0].key, "a");
  EXPECT_EQ(rig_.events_[0].version, 1u);
  EXPECT_TRUE(rig_.events_[1].done);
  EXPECT_OK(rig_.events_[1].outcome);
  rig_.events_.clear();
  CreateRotating("b", 3600);
  rig_.clock_.Advance(3600s);
  rig_.RunAllDue();
  ASSERT_EQ(rig_.events_.size(), 2u);
  EXPECT_EQ(rig_.events_[0].kind, Event::Kind::kRotation);
  EXPECT_EQ(rig_.events_[0].key, "b");
  EXPECT_TRUE(rig_.events_[1].done);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyed);
}

TEST_F(DueTest, NothingBeginsThatCannotBeRecorded) {
  const Uuid id = CreateScheduled("a");
  const Uuid rotating = CreateRotating("b", 3600);
  rig_.clock_.Advance(30 * 24h);
  rig_.record_status_ = Error(Reason::kAuditUnavailable, "full");
  rig_.RunAllDue();
  EXPECT_TRUE(rig_.objects_->Contains(KekOf(id, 1)));
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyScheduled);
  EXPECT_EQ(PrimaryOf(rotating), 1u);
  rig_.record_status_ = OkStatus();
  rig_.clock_.Advance(11s);
  rig_.RunAllDue();
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyed);
  EXPECT_EQ(PrimaryOf(rotating), 2u);
}

TEST_F(DueTest, DisablingWaitsForTheOpensThatHaveBegun) {
  const Uuid id = rig_.Create("a")->id;
  rig_.Rotate(id);
  auto open = keyring().ForOpen(id, 1);
  ASSERT_OK(open);
  EXPECT_THAT(rig_.Move(id, 1, VersionMove::kDisable),
              HasReason(Reason::kDeadlineExceeded, HasSubstr("DISABLED")));
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDisabled) << "all the same";
  EXPECT_THAT(keyring().ForOpen(id, 1), HasReason(Reason::kVersionState));
  open->use.reset();
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kEnable));
  EXPECT_OK(rig_.Move(id, 1, VersionMove::kDisable));
}

}  // namespace
}  // namespace strongroom::keyring
