#include "keyring/changes.h"

#include <algorithm>

#include "keyring/dependents.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/envelope/token.h"

namespace strongroom::keyring {
namespace {

constexpr MakeSteps kCreateSteps = {.begin = "create/begin",
                                    .pending = "create/pending",
                                    .object = "create/object",
                                    .known_answer = "create/known-answer",
                                    .enabled = "create/enabled",
                                    .published = "create/published"};
constexpr MakeSteps kRotateSteps = {.begin = "rotate/begin",
                                    .pending = "rotate/pending",
                                    .object = "rotate/object",
                                    .known_answer = "rotate/known-answer",
                                    .enabled = "rotate/enabled",
                                    .published = "rotate/published"};

store::KeyRow NewRow(const Uuid& id, const NewKey& key, WallTime now) {
  store::KeyRow row;
  row.id = id;
  row.name = key.name.ToString();
  SetSettings(key.settings, &row);
  row.always_required =
      key.settings.registration == RegistrationRule::kRequired;
  row.created = now;
  return row;
}

// The token may know more versions than the store, if the store is an old copy:
// a number that was used once names other bytes for ever.
StatusOr<uint32_t> NextNumber(const KeyRows& rows, uint32_t highest_on_token,
                              std::optional<uint32_t> expected_primary) {
  const uint32_t primary = rows.key.primary_version;
  if (primary == 0) {
    return Error(Reason::kKeyNotFound,
                 "key " + rows.key.name + " was never finished");
  }
  if (expected_primary && *expected_primary != primary) {
    return Error(Reason::kConflict, "key " + rows.key.name +
                                        " has been rotated already, to v" +
                                        std::to_string(primary));
  }
  const uint32_t highest =
      std::max(rows.versions.back().version, highest_on_token);
  if (highest >= envelope::kMaxKeyVersion) {
    return Error(Reason::kVersionState,
                 "key " + rows.key.name +
                     " has used its last version number; create another key");
  }
  return highest + 1;
}

std::string_view MoveName(VersionMove move) {
  switch (move) {
    case VersionMove::kEnable:
      return "be enabled";
    case VersionMove::kDisable:
      return "be disabled";
    case VersionMove::kScheduleDestroy:
      return "be scheduled for destruction";
    case VersionMove::kCancelDestroy:
      return "have its destruction cancelled";
  }
  return "move";
}

// The states from which a move is allowed, for messages.
std::string StatesBefore(VersionMove move) {
  std::string names;
  for (VersionState state : {VersionState::kEnabled, VersionState::kDisabled,
                             VersionState::kDestroyScheduled}) {
    if (!Target(state, move)) continue;
    if (!names.empty()) names += " or ";
    names += StateName(state);
  }
  return names;
}

Status MoveRefused(const std::string& name, VersionState found,
                   VersionMove move) {
  return Error(Reason::kVersionState,
               name + " is " + std::string(StateName(found)) + "; want " +
                   StatesBefore(move) + " to " + std::string(MoveName(move)));
}

Status MoveRow(const store::KeyRow& key, VersionMove move, WallTime now,
               store::VersionRow* row) {
  const std::string name =
      "key version " + key.name + " v" + std::to_string(row->version);
  const std::optional<VersionState> target = Target(row->state, move);
  if (!target) return MoveRefused(name, row->state, move);
  const bool primary = row->version == key.primary_version;
  if (primary && *target != VersionState::kEnabled) {
    return Error(Reason::kVersionState, name + " is the primary and cannot " +
                                            std::string(MoveName(move)) +
                                            "; rotate the key first");
  }
  if (row->destroying) {
    return Error(Reason::kVersionState,
                 name +
                     " is being destroyed: its KEK may be gone already, so "
                     "the destruction cannot be cancelled");
  }
  row->state = *target;
  row->held = false;
  row->destroy_time = *target == VersionState::kDestroyScheduled
                          ? now + std::chrono::seconds(key.destroy_after_s)
                          : WallTime{};
  return OkStatus();
}

// A key is rotated when its primary is as old as the period, whenever the
// period was set.
WallTime NextRotation(const KeyRows& rows, WallTime now) {
  if (rows.key.rotation_period_s == 0) return WallTime{};
  const store::VersionRow* primary = rows.Find(rows.key.primary_version);
  const WallTime since = primary == nullptr ? now : primary->created;
  return std::max(now,
                  since + std::chrono::seconds(rows.key.rotation_period_s));
}

void ApplyChange(const KeyChange& change, WallTime now, KeyRows* rows) {
  store::KeyRow& key = rows->key;
  SetSettings(model::Changed(SettingsOf(key), change), &key);
  key.always_required =
      key.always_required && key.registration == RegistrationRule::kRequired;
  if (change.rotation_period) {
    key.next_rotation = NextRotation(*rows, now);
  }
}

}  // namespace

Changes::KeyResult Changes::Create(const NewKey& key) {
  SR_RETURN_IF_ERROR(model::Validate(key.settings));
  const Turn turn(parts_.turns);
  const Uuid id = Uuid::Random();
  std::optional<Uuid> unfinished;
  const auto begin = [&](store::Transaction& t) -> StatusOr<uint32_t> {
    SR_ASSIGN_OR_RETURN(const std::optional<store::KeyRow> same,
                        t.FindKey(key.name.ToString()));
    if (same && same->primary_version == 0) unfinished = same->id;
    SR_RETURN_IF_ERROR(t.InsertKey(NewRow(id, key, parts_.clock.Now())));
    return 1;
  };
  KeyResult result = MakeVersion(turn, id, kCreateSteps, begin);
  if (result.ok() || !unfinished) return result;
  // The name is taken by a creation that was not finished.
  SR_RETURN_IF_ERROR(recovery_.BeforeCreation(turn, *unfinished));
  return MakeVersion(turn, id, kCreateSteps, begin);
}

Changes::KeyResult Changes::Rotate(const Uuid& id,
                                   std::optional<uint32_t> expected_primary) {
  KeyResult result;
  {
    const Turn turn(parts_.turns);
    SR_RETURN_IF_ERROR(recovery_.BeforeRotation(turn, id));
    const uint32_t on_token = maker_.HighestOnToken(turn, id);
    result =
        MakeVersion(turn, id, kRotateSteps,
                    [&](store::Transaction& t) -> StatusOr<uint32_t> {
                      SR_ASSIGN_OR_RETURN(const KeyRows rows, ReadRows(t, id));
                      return NextNumber(rows, on_token, expected_primary);
                    });
  }
  // Also after a failure: the change may be stored all the same.
  parts_.EndWindows(id);
  return result;
}

Changes::KeyResult Changes::MakeVersion(const Turn& turn, const Uuid& key_id,
                                        const MakeSteps& steps,
                                        const Maker::Begin& begin) {
  CrashPoint(steps.begin);
  bool refused = false;
  StatusOr<Making> making = maker_.StorePending(turn, key_id, begin, &refused);
  if (!making.ok()) {
    if (!refused) recovery_.AfterFailure(turn, key_id);
    return making.status();
  }
  CrashPoint(steps.pending);
  Status status = parts_.token.Create(making->row);
  CrashPoint(steps.object);
  if (status.ok()) status = maker_.Finish(turn, *std::move(making), steps);
  if (!status.ok()) {
    recovery_.AfterFailure(turn, key_id);
    return status;
  }
  return parts_.catalogue.Published(key_id);
}

Changes::KeyResult Changes::Update(const Uuid& id, const KeyChange& change) {
  SR_RETURN_IF_ERROR(model::Validate(model::Changed({}, change)));
  KeyResult result;
  {
    const Turn turn(parts_.turns);
    CrashPoint("update/begin");
    result = ChangeRows(turn, id, [&](store::Transaction& t, KeyRows& rows) {
      ApplyChange(change, parts_.clock.Now(), &rows);
      return t.UpdateKey(rows.key);
    });
    CrashPoint("update/published");
  }
  // An open window would go on under the old policy.
  if (change.batch) parts_.EndWindows(id);
  return result;
}

Changes::KeyResult Changes::Move(const Uuid& id, uint32_t version,
                                 VersionMove move, bool acknowledged) {
  KeyResult result;
  {
    const Turn turn(parts_.turns);
    CrashPoint("move/begin");
    result = ChangeRows(turn, id, [&](store::Transaction& t, KeyRows& rows) {
      const store::VersionRow* found = rows.Find(version);
      if (found == nullptr) {
        return Error(Reason::kVersionNotFound, "key " + rows.key.name +
                                                   " has no version " +
                                                   std::to_string(version));
      }
      store::VersionRow row = *found;
      SR_RETURN_IF_ERROR(MoveRow(rows.key, move, parts_.clock.Now(), &row));
      if (row.state == VersionState::kDestroyScheduled) {
        SR_RETURN_IF_ERROR(CheckNothingDepends(t, rows.key, version));
        if (!acknowledged) {
          SR_RETURN_IF_ERROR(CheckNothingUnregistered(
              t, rows.key, version, usage_.LiveTracesOf(id, version)));
        }
      }
      return t.UpdateVersion(row);
    });
    // The operator has spoken: what was scheduled before the start is no more.
    if (result.ok()) grace_.Forget(turn, id, version);
    CrashPoint("move/published");
  }
  // Also after a failure: the change may be stored all the same.
  parts_.EndWindows(id);
  if (result.ok() &&
      !Permits((*result)->Find(version)->state, VersionUse::kOpen)) {
    SR_RETURN_IF_ERROR(uses_.AwaitEnd(id, version));
  }
  return result;
}

Changes::KeyResult Changes::ChangeRows(
    const Turn& turn, const Uuid& id,
    const std::function<Status(store::Transaction&, KeyRows&)>& change) {
  KeyRows after;
  bool refused = false;
  const Status status =
      parts_.store.UpdateInOrder([&](store::Transaction& t) -> Status {
        refused = true;
        SR_ASSIGN_OR_RETURN(KeyRows rows, ReadRows(t, id));
        if (rows.key.primary_version == 0) {
          return Error(Reason::kKeyNotFound,
                       "key " + rows.key.name + " was never finished");
        }
        SR_RETURN_IF_ERROR(change(t, rows));
        SR_RETURN_IF_ERROR(t.BumpChangeSeq());
        SR_ASSIGN_OR_RETURN(after, ReadRows(t, id));
        refused = false;
        return OkStatus();
      });
  if (!status.ok()) {
    // A commit that failed may have reached the disk: what is published must
    // be what is stored.
    if (!refused) recovery_.AfterFailure(turn, id);
    return status;
  }
  CrashPoint("change/stored");
  SR_RETURN_IF_ERROR(parts_.catalogue.Republish({std::move(after)}));
  return parts_.catalogue.Published(id);
}

}  // namespace strongroom::keyring
