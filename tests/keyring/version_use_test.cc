// What versions issue beside the registry, counted so that a crash can only
// over-count; and the destructions that it stands in the way of.
#include "tests/keyring/keyring_rig.h"

namespace strongroom::keyring {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class VersionUseTest : public ::testing::Test {
 protected:
  VersionUseTest() {
    rig_.Start();
    id_ = rig_.Create("a")->id;
  }
  Traces Of(uint32_t version) {
    auto all = keyring().TracesOf(id_);
    EXPECT_OK(all);
    for (const Traces& one : *all) {
      if (one.version == version) return one;
    }
    ADD_FAILURE() << "no v" << version;
    return {};
  }
  void Close() {
    keyring().Close();
    rig_.Start();
  }
  Keyring& keyring() { return *rig_.keyring_; }
  WallTime now() { return rig_.clock_.Now(); }

  KeyringRig rig_;
  Uuid id_;
};

TEST_F(VersionUseTest, CountsAndTimesAreExactWhileItRuns) {
  EXPECT_FALSE(Of(1).MayHaveIssued());
  const WallTime first = now();
  ASSERT_OK(keyring().CountIssued(id_, 1, 3));
  rig_.clock_.Advance(5s);
  ASSERT_OK(keyring().CountIssued(id_, 1, 4));
  const WallTime last = now();
  rig_.clock_.Advance(7s);
  keyring().NoteOpened(id_, 1);
  const Traces traces = Of(1);
  EXPECT_EQ(traces.issued, 7u);
  EXPECT_FALSE(traces.uncounted);
  EXPECT_EQ(traces.first_issued, first);
  EXPECT_EQ(traces.last_issued, last);
  EXPECT_EQ(traces.last_opened, now());
}

TEST_F(VersionUseTest, AnOrderlyStopKeepsThemExactly) {
  ASSERT_OK(keyring().CountIssued(id_, 1, 3));
  keyring().NoteOpened(id_, 1);
  const Traces before = Of(1);
  Close();
  const Traces after = Of(1);
  EXPECT_EQ(after.issued, 3u);
  EXPECT_EQ(after.first_issued, before.first_issued);
  EXPECT_EQ(after.last_issued, before.last_issued);
  EXPECT_EQ(after.last_opened, before.last_opened);
}

TEST_F(VersionUseTest, ACrashOverCountsAndNeverUnderCounts) {
  uint64_t issued = 0;
  for (int life = 0; life < 8; ++life) {
    for (uint64_t wraps : {1u, 500u, 2000u}) {
      ASSERT_OK(keyring().CountIssued(id_, 1, wraps));
      issued += wraps;
    }
    rig_.Start();
    EXPECT_GE(Of(1).issued, issued);
    issued = Of(1).issued;
  }
}

TEST_F(VersionUseTest, ManyWrapsCostFewTransactions) {
  const int before = rig_.store_.updates();
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_OK(keyring().CountIssued(id_, 1, 10));
  }
  EXPECT_EQ(Of(1).issued, 1'000'000u);
  EXPECT_LE(rig_.store_.updates() - before, 11);
}

TEST_F(VersionUseTest, AStoreThatFailsGivesNothingOut) {
  rig_.store_.FailUpdate(1, Error(Reason::kStoreFull, "full"));
  EXPECT_THAT(keyring().CountIssued(id_, 1, 1), HasReason(Reason::kStoreFull));
  EXPECT_FALSE(Of(1).MayHaveIssued());
  ASSERT_OK(keyring().CountIssued(id_, 1, 1));
  EXPECT_EQ(Of(1).issued, 1u);
}

TEST_F(VersionUseTest, TimesAreStoredOnceAMinute) {
  ASSERT_OK(keyring().CountIssued(id_, 1, 1));
  keyring().RunDue();
  const int before = rig_.store_.updates();
  for (int i = 0; i < 59; ++i) {
    keyring().NoteOpened(id_, 1);
    rig_.clock_.Advance(1s);
    keyring().RunDue();
  }
  EXPECT_EQ(rig_.store_.updates(), before);
  keyring().NoteOpened(id_, 1);
  const WallTime noted = now();
  rig_.clock_.Advance(1s);
  keyring().RunDue();
  EXPECT_EQ(rig_.store_.updates(), before + 1);
  rig_.Start();
  EXPECT_EQ(Of(1).last_opened, noted);
}

TEST_F(VersionUseTest, UnknownVersionsAndKeysAreRefused) {
  EXPECT_THAT(keyring().CountIssued(id_, 2, 1),
              HasReason(Reason::kVersionNotFound));
  EXPECT_THAT(keyring().CountIssued(Uuid::Random(), 1, 1),
              HasReason(Reason::kVersionNotFound));
  EXPECT_THAT(keyring().TracesOf(Uuid::Random()),
              HasReason(Reason::kKeyNotFound));
  keyring().NoteOpened(id_, 2);
  EXPECT_FALSE(Of(1).last_opened.has_value());
}

TEST_F(VersionUseTest, AVersionThatIssuedUnregisteredWrapsWantsThatKnown) {
  ASSERT_OK(keyring().CountIssued(id_, 1, 12));
  keyring().NoteOpened(id_, 1);
  rig_.Rotate(id_);
  EXPECT_THAT(rig_.Move(id_, 1, VersionMove::kScheduleDestroy),
              HasReason(Reason::kUnregisteredWraps,
                        AllOf(HasSubstr("a v1"), HasSubstr("12 wraps"),
                              HasSubstr("first 2025-01-31T08:00:00"),
                              HasSubstr("last unwrap 2025-01-31T08:00:00"))));
  EXPECT_EQ(rig_.StateOf(id_, 1), VersionState::kEnabled);
  ASSERT_OK(keyring().Move(id_, 1, VersionMove::kScheduleDestroy, true));
  EXPECT_EQ(rig_.StateOf(id_, 1), VersionState::kDestroyScheduled);
  ASSERT_OK(rig_.Move(id_, 1, VersionMove::kCancelDestroy));
  EXPECT_THAT(rig_.Move(id_, 1, VersionMove::kScheduleDestroy),
              HasReason(Reason::kUnregisteredWraps))
      << "to be known each time";
}

TEST_F(VersionUseTest, AVersionThatIssuedNoneIsScheduledWithoutIt) {
  rig_.Rotate(id_);
  ASSERT_OK(keyring().CountIssued(id_, 2, 1));
  EXPECT_OK(rig_.Move(id_, 1, VersionMove::kScheduleDestroy));
}

TEST_F(VersionUseTest, AWrapThatComesAfterTheDecisionIsNotGivenOut) {
  rig_.Rotate(id_);
  ASSERT_OK(rig_.Move(id_, 1, VersionMove::kScheduleDestroy));
  EXPECT_THAT(keyring().CountIssued(id_, 1, 1), HasReason(Reason::kConflict));
  EXPECT_FALSE(Of(1).MayHaveIssued());
}

TEST_F(VersionUseTest, AVersionFromBeforeCountingWantsThatKnown) {
  ASSERT_OK(rig_.store_.Update([&](store::Transaction& t) {
    return t.dependents().PutUse(
        {.key_id = id_, .version = 1, .uncounted = true});
  }));
  rig_.Rotate(id_);
  EXPECT_THAT(rig_.Move(id_, 1, VersionMove::kScheduleDestroy),
              HasReason(Reason::kUnregisteredWraps, HasSubstr("not counted")));
}

TEST_F(VersionUseTest, WhatACallerReportsWantsToBeKnown) {
  ASSERT_OK(rig_.store_.Update([&](store::Transaction& t) {
    return t.dependents().PutClaim({.key_id = id_,
                                    .version = 1,
                                    .caller = "cn:b",
                                    .source = "h:/",
                                    .objects = 40});
  }));
  rig_.Rotate(id_);
  EXPECT_THAT(rig_.Move(id_, 1, VersionMove::kScheduleDestroy),
              HasReason(Reason::kUnregisteredWraps, HasSubstr("40 objects")));
}

TEST_F(VersionUseTest, OnlyAKeyThatAlwaysDemandedRegistrationIsMarkedSo) {
  NewKey required = Named("r");
  required.settings.registration = RegistrationRule::kRequired;
  auto key = keyring().CreateKey(required);
  ASSERT_OK(key);
  EXPECT_TRUE((*key)->always_required);
  KeyChange off;
  off.registration = RegistrationRule::kOptional;
  KeyChange on;
  on.registration = RegistrationRule::kRequired;
  EXPECT_TRUE((*keyring().UpdateKey((*key)->id, on))->always_required);
  EXPECT_FALSE((*keyring().UpdateKey((*key)->id, off))->always_required);
  EXPECT_FALSE((*keyring().UpdateKey((*key)->id, on))->always_required)
      << "something may have been wrapped between";
  EXPECT_FALSE((*keyring().UpdateKey(id_, on))->always_required);
}

}  // namespace
}  // namespace strongroom::keyring
