// The one table of version states: what each permits and where it may go.
#include <optional>
#include <string_view>

#include "strongroom/keyring/keyring.h"

namespace strongroom::keyring {
namespace {

using Next = std::optional<VersionState>;
constexpr Next kRefused = std::nullopt;

struct StateRow {
  VersionState state;
  bool seals;
  bool opens;
  Next enable;
  Next disable;
  Next schedule_destroy;
  Next cancel_destroy;
};

// Asking for the state that is there already is granted and changes nothing: a
// caller who lost the answer may ask again.
// PENDING becomes ENABLED, and DESTROY_SCHEDULED becomes DESTROYED, by the
// keyring's own steps: nobody may ask for that.
constexpr StateRow kStates[] = {
    {.state = VersionState::kPending,
     .seals = false,
     .opens = false,
     .enable = kRefused,
     .disable = kRefused,
     .schedule_destroy = kRefused,
     .cancel_destroy = kRefused},
    {.state = VersionState::kEnabled,
     .seals = true,
     .opens = true,
     .enable = VersionState::kEnabled,
     .disable = VersionState::kDisabled,
     .schedule_destroy = VersionState::kDestroyScheduled,
     .cancel_destroy = kRefused},
    {.state = VersionState::kDisabled,
     .seals = false,
     .opens = false,
     .enable = VersionState::kEnabled,
     .disable = VersionState::kDisabled,
     .schedule_destroy = VersionState::kDestroyScheduled,
     .cancel_destroy = kRefused},
    {.state = VersionState::kDestroyScheduled,
     .seals = false,
     .opens = false,
     .enable = kRefused,
     .disable = kRefused,
     .schedule_destroy = kRefused,
     .cancel_destroy = VersionState::kDisabled},
    {.state = VersionState::kDestroyed,
     .seals = false,
     .opens = false,
     .enable = kRefused,
     .disable = kRefused,
     .schedule_destroy = kRefused,
     .cancel_destroy = kRefused},
};

// The last row is the one that permits nothing: a number that is no state gets
// it too.
constexpr const StateRow& RowOf(VersionState state) {
  for (const StateRow& row : kStates) {
    if (row.state == state) return row;
  }
  return kStates[4];
}

}  // namespace

bool Permits(VersionState state, VersionUse use) {
  const StateRow& row = RowOf(state);
  return use == VersionUse::kSeal ? row.seals : row.opens;
}

std::optional<VersionState> Target(VersionState from, VersionMove move) {
  const StateRow& row = RowOf(from);
  switch (move) {
    case VersionMove::kEnable:
      return row.enable;
    case VersionMove::kDisable:
      return row.disable;
    case VersionMove::kScheduleDestroy:
      return row.schedule_destroy;
    case VersionMove::kCancelDestroy:
      return row.cancel_destroy;
  }
  return kRefused;
}

}  // namespace strongroom::keyring
