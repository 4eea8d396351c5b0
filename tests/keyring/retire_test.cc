// Versions whose time is over, on good clocks and bad.
#include "tests/keyring/keyring_rig.h"

namespace strongroom::keyring {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kDay = 86400;

class RetireTest : public ::testing::Test {
 protected:
  RetireTest() { rig_.Start(); }
  Uuid Create(std::string_view name, RegistrationRule rule,
              int64_t retire_after_s = 30 * kDay, int64_t period_s = 0,
              int64_t destroy_after_s = 30 * kDay) {
    NewKey key = Named(name);
    key.settings.registration = rule;
    key.settings.retire_after = std::chrono::seconds(retire_after_s);
    key.settings.rotation_period = std::chrono::seconds(period_s);
    key.settings.destroy_after = std::chrono::seconds(destroy_after_s);
    auto created = keyring().CreateKey(key);
    EXPECT_OK(created);
    return (*created)->id;
  }
  void Count(const Uuid& id, uint32_t version, uint64_t deks) {
    EXPECT_OK(rig_.store_.Update([&](store::Transaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(const auto rows, t.dependents().CensusOf(id));
      auto more = static_cast<int64_t>(deks);
      for (const store::CensusRow& row : rows) {
        if (row.version == version) more -= static_cast<int64_t>(row.deks);
      }
      const store::CensusDelta delta{id, version, more, more};
      return t.dependents().AddCensus({&delta, 1});
    }));
  }
  void Pass(std::chrono::seconds time) {
    rig_.clock_.Advance(time);
    for (int i = 0; i < 6; ++i) keyring().RunDue();
  }
  Keyring& keyring() { return *rig_.keyring_; }

  KeyringRig rig_;
};

TEST_F(RetireTest, AnOldVersionIsDisabledWhenItsTimeIsOverAndNotBefore) {
  const Uuid id = Create("a", RegistrationRule::kOptional);
  const Uuid never = Create("b", RegistrationRule::kOptional, 0);
  rig_.Rotate(id);
  rig_.Rotate(never);
  EXPECT_EQ(keyring().Current()->FindById(id)->Find(1)->retire_time,
            rig_.clock_.Now() + 30 * 24h);
  EXPECT_EQ(keyring().Current()->FindById(id)->Find(2)->retire_time,
            std::nullopt);
  Pass(30 * 24h - 1s);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kEnabled);
  Pass(1s);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDisabled);
  EXPECT_EQ(rig_.StateOf(id, 2), VersionState::kEnabled);
  EXPECT_EQ(rig_.StateOf(never, 1), VersionState::kEnabled);
  Pass(1000 * 24h);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDisabled)
      << "a key that does not demand registration destroys nothing by itself";
}

TEST_F(RetireTest, AVersionThatIsEnabledAgainStaysSo) {
  const Uuid id = Create("a", RegistrationRule::kOptional);
  rig_.Rotate(id);
  Pass(30 * 24h);
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kEnable));
  Pass(365 * 24h);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kEnabled);
  rig_.Start();
  Pass(24h);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kEnabled);
}

TEST_F(RetireTest, AVersionWaitsUntilItsDeksAreMoved) {
  const Uuid id = Create("a", RegistrationRule::kRequired);
  Count(id, 1, 5);
  rig_.Rotate(id);
  Pass(40 * 24h);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kEnabled);
  EXPECT_TRUE(rig_.events_.empty()) << "nothing has begun";
  Count(id, 1, 0);
  Pass(30s);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyScheduled);
}

TEST_F(RetireTest, OnlyAnEmptyVersionOfAKeyThatAlwaysRegisteredIsDestroyed) {
  const Uuid id = Create("a", RegistrationRule::kRequired);
  const Uuid later = Create("b", RegistrationRule::kOptional);
  KeyChange required;
  required.registration = RegistrationRule::kRequired;
  ASSERT_OK(keyring().UpdateKey(later, required));
  rig_.Rotate(id);
  rig_.Rotate(later);
  Pass(30 * 24h);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyScheduled);
  EXPECT_EQ(rig_.StateOf(later, 1), VersionState::kDisabled);
  Pass(30 * 24h - 1s);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyScheduled);
  Pass(1s);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyed);
  EXPECT_EQ(rig_.StateOf(later, 1), VersionState::kDisabled);
}

TEST_F(RetireTest, ACancelledDestructionIsNotScheduledAgain) {
  const Uuid id = Create("a", RegistrationRule::kRequired);
  rig_.Rotate(id);
  Pass(30 * 24h);
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kCancelDestroy));
  Pass(365 * 24h);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDisabled);
}

TEST_F(RetireTest, WhatACallerClaimsIsNotDestroyedUnasked) {
  const Uuid id = Create("a", RegistrationRule::kRequired);
  ASSERT_OK(rig_.store_.Update([&](store::Transaction& t) {
    return t.dependents().PutClaim({.key_id = id,
                                    .version = 1,
                                    .caller = "cn:b",
                                    .source = "h",
                                    .objects = 1});
  }));
  rig_.Rotate(id);
  Pass(365 * 24h);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDisabled);
}

TEST_F(RetireTest, ADestructionThatNobodyAskedForLeavesADay) {
  const Uuid id =
      Create("a", RegistrationRule::kRequired, 30 * kDay, 0, /*destroy=*/0);
  rig_.Rotate(id);
  Pass(30 * 24h);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyScheduled);
  Pass(24h - 1s);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyScheduled);
  Pass(1s);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDestroyed);
}

TEST_F(RetireTest, ALongStopRetiresOneAtATimeAndNoPrimary) {
  std::vector<Uuid> ids;
  for (const char* name : {"a", "b", "c"}) {
    ids.push_back(Create(name, RegistrationRule::kOptional));
    rig_.Rotate(ids.back());
  }
  rig_.clock_.Advance(1000 * 24h);
  rig_.Start();
  const auto retired = [&] {
    return std::ranges::count_if(ids, [&](const Uuid& id) {
      return rig_.StateOf(id, 1) == VersionState::kDisabled;
    });
  };
  for (int run = 1; run <= 3; ++run) {
    EXPECT_EQ(keyring().RunDue() - rig_.clock_.Now(), run < 3 ? 100ms : 30s);
    EXPECT_EQ(retired(), run);
  }
  for (const Uuid& id : ids) {
    EXPECT_EQ(rig_.StateOf(id, 2), VersionState::kEnabled);
  }
}

TEST_F(RetireTest, AClockThatJumpsAYearAheadCausesOneRotationOfEachKey) {
  const Uuid id = Create("a", RegistrationRule::kRequired, 30 * kDay, kDay);
  const WallTime before = rig_.clock_.Now();
  rig_.clock_.SetNow(before + 365 * 24h);
  for (int i = 0; i < 20; ++i) rig_.RunAllDue();
  EXPECT_EQ(keyring().Current()->FindById(id)->primary, 2u);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kEnabled)
      << "its time runs from the rotation";
  // And back again: nothing is due, and the next rotation is a period away.
  rig_.clock_.SetNow(before);
  for (int i = 0; i < 20; ++i) rig_.RunAllDue();
  EXPECT_EQ(keyring().Current()->FindById(id)->primary, 2u);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kEnabled);
  EXPECT_EQ(keyring().Current()->FindById(id)->next_rotation, before + 24h);
  Pass(24h);
  EXPECT_EQ(keyring().Current()->FindById(id)->primary, 3u);
}

TEST_F(RetireTest, AnOldCopyOfTheStoreRetiresNothing) {
  const Uuid id = Create("a", RegistrationRule::kRequired);
  rig_.Rotate(id);
  const auto yesterday = rig_.store_.MakeBackup();
  KeyChange relabelled;
  relabelled.labels = Labels{{"x", "y"}};
  ASSERT_OK(keyring().UpdateKey(id, relabelled));
  rig_.store_.Restore(*yesterday);
  rig_.Start();
  rig_.Start();
  Pass(365 * 24h);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kEnabled);
  EXPECT_FALSE(keyring().Current()->FindById(id)->always_required);
  EXPECT_THAT(rig_.Move(id, 1, VersionMove::kScheduleDestroy),
              HasReason(Reason::kUnregisteredWraps));
}

TEST_F(RetireTest, ItIsToldBeforeItBeginsAndWhenItIsDone) {
  const Uuid id = Create("a", RegistrationRule::kOptional);
  rig_.Rotate(id);
  rig_.record_status_ = Error(Reason::kAuditUnavailable, "disk full");
  Pass(30 * 24h);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kEnabled);
  rig_.record_status_ = OkStatus();
  rig_.events_.clear();
  Pass(30s);
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kDisabled);
  ASSERT_EQ(rig_.events_.size(), 2u);
  for (const Event& event : rig_.events_) {
    EXPECT_EQ(event.kind, Event::Kind::kRetirement);
    EXPECT_EQ(event.key, "a");
    EXPECT_EQ(event.version, 1u);
  }
  EXPECT_FALSE(rig_.events_[0].done);
  EXPECT_TRUE(rig_.events_[1].done);
}

TEST_F(RetireTest, ATimeOutOfBoundsIsRefused) {
  for (int64_t seconds :
       {int64_t{-1}, int64_t{1}, int64_t{3599}, int64_t{101} * 365 * kDay}) {
    NewKey key = Named("bad");
    key.settings.retire_after = std::chrono::seconds(seconds);
    EXPECT_THAT(keyring().CreateKey(key),
                HasReason(Reason::kArgumentInvalid, HasSubstr("retirement")));
    const Uuid id =
        Create("k" + std::to_string(seconds + 1), RegistrationRule::kOptional);
    KeyChange change;
    change.retire_after = std::chrono::seconds(seconds);
    EXPECT_THAT(keyring().UpdateKey(id, change),
                HasReason(Reason::kArgumentInvalid));
  }
}

}  // namespace
}  // namespace strongroom::keyring
