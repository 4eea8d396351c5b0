// The table of states: every state, every use, every move.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <utility>

#include "tests/keyring/keyring_rig.h"

namespace strongroom::keyring {
namespace {

using S = VersionState;
using M = VersionMove;

constexpr S kStates[] = {S::kPending, S::kEnabled, S::kDisabled,
                         S::kDestroyScheduled, S::kDestroyed};
constexpr M kMoves[] = {M::kEnable, M::kDisable, M::kScheduleDestroy,
                        M::kCancelDestroy};

// The model: the moves that are allowed, written down a second time.
const std::map<std::pair<S, M>, S> kAllowed = {
    {{S::kEnabled, M::kEnable}, S::kEnabled},
    {{S::kEnabled, M::kDisable}, S::kDisabled},
    {{S::kDisabled, M::kDisable}, S::kDisabled},
    {{S::kEnabled, M::kScheduleDestroy}, S::kDestroyScheduled},
    {{S::kDisabled, M::kEnable}, S::kEnabled},
    {{S::kDisabled, M::kScheduleDestroy}, S::kDestroyScheduled},
    {{S::kDestroyScheduled, M::kCancelDestroy}, S::kDisabled},
};

std::optional<S> Model(S from, M move) {
  auto found = kAllowed.find({from, move});
  if (found == kAllowed.end()) return std::nullopt;
  return found->second;
}

TEST(States, EveryMoveFromEveryStateIsAsTheModelSays) {
  for (S from : kStates) {
    for (M move : kMoves) {
      EXPECT_EQ(Target(from, move), Model(from, move))
          << StateName(from) << " move " << static_cast<int>(move);
    }
  }
}

TEST(States, OnlyEnabledVersionsSealOrOpen) {
  for (S state : kStates) {
    const bool enabled = state == S::kEnabled;
    EXPECT_EQ(Permits(state, VersionUse::kSeal), enabled) << StateName(state);
    EXPECT_EQ(Permits(state, VersionUse::kOpen), enabled) << StateName(state);
  }
}

TEST(States, ANumberThatIsNoStatePermitsNothing) {
  const S strange = static_cast<S>(77);
  EXPECT_FALSE(Permits(strange, VersionUse::kSeal));
  EXPECT_FALSE(Permits(strange, VersionUse::kOpen));
  for (M move : kMoves) EXPECT_FALSE(Target(strange, move).has_value());
}

TEST(States, NamesAreThoseOfTheApi) {
  EXPECT_EQ(StateName(S::kPending), "PENDING");
  EXPECT_EQ(StateName(S::kEnabled), "ENABLED");
  EXPECT_EQ(StateName(S::kDisabled), "DISABLED");
  EXPECT_EQ(StateName(S::kDestroyScheduled), "DESTROY_SCHEDULED");
  EXPECT_EQ(StateName(S::kDestroyed), "DESTROYED");
}

// Puts version 1 of a key into the state, by the keyring's own calls.
void Bring(KeyringRig& rig, const Uuid& id, S state) {
  switch (state) {
    case S::kEnabled:
      return;
    case S::kDisabled:
      ASSERT_OK(rig.Move(id, 1, M::kDisable));
      return;
    case S::kDestroyScheduled:
      ASSERT_OK(rig.Move(id, 1, M::kScheduleDestroy));
      return;
    case S::kDestroyed:
      ASSERT_OK(rig.Move(id, 1, M::kScheduleDestroy));
      rig.clock_.Advance(31 * 24h);
      rig.RunAllDue();
      return;
    case S::kPending:
      FAIL() << "nobody can ask for it";
  }
}

TEST(States, TheKeyringMovesVersionsAsTheModelSaysAndRefusesTheRest) {
  for (S from : kStates) {
    if (from == S::kPending) continue;
    for (M move : kMoves) {
      SCOPED_TRACE(std::string(StateName(from)) + " move " +
                   std::to_string(static_cast<int>(move)));
      KeyringRig rig;
      rig.Start();
      const Uuid id = rig.Create("a")->id;
      rig.Rotate(id);
      Bring(rig, id, from);
      ASSERT_EQ(rig.StateOf(id, 1), from);
      const auto before = rig.VersionRows();
      const Status status = rig.Move(id, 1, move);
      const std::optional<S> target = Model(from, move);
      if (target) {
        EXPECT_OK(status);
        EXPECT_EQ(rig.StateOf(id, 1), *target);
      } else {
        EXPECT_THAT(status,
                    HasReason(Reason::kVersionState,
                              ::testing::HasSubstr(
                                  "a v1 is " + std::string(StateName(from)))));
        EXPECT_EQ(rig.VersionRows(), before);
      }
      EXPECT_EQ(rig.keyring_->ForOpen(id, 1).ok(),
                rig.StateOf(id, 1) == S::kEnabled);
      rig.ExpectWhole();
    }
  }
}

}  // namespace
}  // namespace strongroom::keyring
