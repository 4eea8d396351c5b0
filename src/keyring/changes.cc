// Changes of rows alone: update a key, move a version; and publishing.
#include <algorithm>

#include "keyring/dependents.h"
#include "keyring/keyring_impl.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/base/log.h"

namespace strongroom::keyring {
namespace {

constexpr std::chrono::seconds kLeaseTime{60};

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

StatusOr<std::shared_ptr<const Key>> KeyringImpl::UpdateKey(
    const Uuid& id, const KeyChange& change) {
  SR_RETURN_IF_ERROR(model::Validate(model::Changed({}, change)));
  KeyResult result;
  {
    MutexLock lock(changes_);
    CrashPoint("update/begin");
    result = ChangeRows(id, [&](store::Transaction& t, KeyRows& rows) {
      ApplyChange(change, clock_.Now(), &rows);
      return t.UpdateKey(rows.key);
    });
    CrashPoint("update/published");
  }
  // An open window would go on under the old policy.
  if (change.batch) EndWindows(id);
  return result;
}

StatusOr<std::shared_ptr<const Key>> KeyringImpl::Move(const Uuid& id,
                                                       uint32_t version,
                                                       VersionMove move,
                                                       bool acknowledged) {
  KeyResult result;
  {
    MutexLock lock(changes_);
    CrashPoint("move/begin");
    result = ChangeRows(id, [&](store::Transaction& t, KeyRows& rows) {
      const store::VersionRow* found = rows.Find(version);
      if (found == nullptr) {
        return Error(Reason::kVersionNotFound, "key " + rows.key.name +
                                                   " has no version " +
                                                   std::to_string(version));
      }
      store::VersionRow row = *found;
      SR_RETURN_IF_ERROR(MoveRow(rows.key, move, clock_.Now(), &row));
      if (row.state == VersionState::kDestroyScheduled) {
        SR_RETURN_IF_ERROR(CheckNothingDepends(t, rows.key, version));
        if (!acknowledged) {
          SR_RETURN_IF_ERROR(CheckNothingUnregistered(
              t, rows.key, version, LiveTracesOf(id, version)));
        }
      }
      return t.UpdateVersion(row);
    });
    // The operator has spoken: what was scheduled before the start is no more.
    if (result.ok()) in_grace_.erase({id, version});
    CrashPoint("move/published");
  }
  // Also after a failure: the change may be stored all the same.
  EndWindows(id);
  if (result.ok() &&
      !Permits((*result)->Find(version)->state, VersionUse::kOpen)) {
    SR_RETURN_IF_ERROR(AwaitUses(id, version));
  }
  return result;
}

StatusOr<std::shared_ptr<const Key>> KeyringImpl::ChangeRows(
    const Uuid& id,
    const std::function<Status(store::Transaction&, KeyRows&)>& change) {
  KeyRows after;
  bool refused = false;
  const Status status = store_.Update([&](store::Transaction& t) -> Status {
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
    if (!refused) SettleAfterFailure(id);
    return status;
  }
  CrashPoint("change/stored");
  SR_RETURN_IF_ERROR(Publish({std::move(after)}));
  return Published(id);
}

Status KeyringImpl::Publish(std::vector<KeyRows> rows) {
  return live_.Publish(
      rows, [](const store::VersionRow&) { return LiveKeys::New{}; });
}

StatusOr<std::shared_ptr<const Key>> KeyringImpl::Published(
    const Uuid& id) const {
  const std::shared_ptr<const View> view = live_.Get();
  const LiveKey* live = view->Find(id);
  if (live != nullptr) return live->key;
  return Error(Reason::kKeyNotFound,
               "there is no key with the id " + id.ToString());
}

void KeyringImpl::EndWindows(const Uuid& id) const {
  if (options_.end_windows) options_.end_windows(id);
}

StatusOr<store::Lease> KeyringImpl::TakeLease(store::Transaction& transaction,
                                              const Uuid& key_id) const {
  const WallTime now = clock_.Now();
  return transaction.TakeLease("key/" + key_id.ToString(), holder_, now,
                               now + kLeaseTime);
}

}  // namespace strongroom::keyring
