// Making a KEK, crash-safe at every step: PENDING row, object on the token,
// known answer, then ENABLED and primary in one transaction.
#include <algorithm>

#include "keyring/keyring_impl.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/base/log.h"
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

}  // namespace

StatusOr<std::shared_ptr<const Key>> KeyringImpl::CreateKey(const NewKey& key) {
  SR_RETURN_IF_ERROR(model::Validate(key.settings));
  MutexLock lock(changes_);
  const Uuid id = Uuid::Random();
  std::optional<Uuid> unfinished;
  const auto begin = [&](store::Transaction& t) -> StatusOr<uint32_t> {
    SR_ASSIGN_OR_RETURN(const std::optional<store::KeyRow> same,
                        t.FindKey(key.name.ToString()));
    if (same && same->primary_version == 0) unfinished = same->id;
    SR_RETURN_IF_ERROR(t.InsertKey(NewRow(id, key, clock_.Now())));
    return 1;
  };
  KeyResult result = MakeVersion(id, kCreateSteps, begin);
  if (result.ok() || !unfinished) return result;
  // The name is taken by a creation that was not finished. If it failed here,
  // nobody has that key. A row that was found at the start may be an old copy's
  // and its KEK in use since: such a key is finished.
  const auto failed = unsettled_.find(*unfinished);
  Inventory inventory;
  const bool ours = failed != unsettled_.end() && !failed->second.finish;
  if (!ours) {
    SR_ASSIGN_OR_RETURN(inventory, token_.TakeInventory());
  }
  SR_RETURN_IF_ERROR(Settle(*unfinished, ours ? nullptr : &inventory, nullptr));
  unsettled_.erase(*unfinished);
  return MakeVersion(id, kCreateSteps, begin);
}

StatusOr<std::shared_ptr<const Key>> KeyringImpl::Rotate(const Uuid& id) {
  return RotateIf(id, std::nullopt);
}

StatusOr<std::shared_ptr<const Key>> KeyringImpl::RotateIf(
    const Uuid& id, std::optional<uint32_t> expected_primary) {
  KeyResult result;
  {
    MutexLock lock(changes_);
    SR_RETURN_IF_ERROR(SettleBeforeRotation(id));
    auto known = token_highest_.find(id);
    const uint32_t on_token = known == token_highest_.end() ? 0 : known->second;
    result = MakeVersion(
        id, kRotateSteps, [&](store::Transaction& t) -> StatusOr<uint32_t> {
          SR_ASSIGN_OR_RETURN(const KeyRows rows, ReadRows(t, id));
          return NextNumber(rows, on_token, expected_primary);
        });
  }
  // Also after a failure: the change may be stored all the same.
  EndWindows(id);
  return result;
}

// A version left unfinished is finished or taken back first, so that versions
// become primary in the order of their numbers.
Status KeyringImpl::SettleBeforeRotation(const Uuid& id) {
  const auto found = unsettled_.find(id);
  if (found == unsettled_.end()) return OkStatus();
  Inventory inventory;
  if (found->second.finish) {
    SR_ASSIGN_OR_RETURN(inventory, token_.TakeInventory());
  }
  SR_RETURN_IF_ERROR(
      Settle(id, found->second.finish ? &inventory : nullptr, nullptr));
  unsettled_.erase(id);
  return OkStatus();
}

StatusOr<std::shared_ptr<const Key>> KeyringImpl::MakeVersion(
    const Uuid& key_id, const MakeSteps& steps,
    const std::function<StatusOr<uint32_t>(store::Transaction&)>& begin) {
  CrashPoint(steps.begin);
  SR_ASSIGN_OR_RETURN(Making making, StorePending(key_id, begin));
  CrashPoint(steps.pending);
  Status status = token_.Create(making.row);
  CrashPoint(steps.object);
  if (status.ok()) status = FinishVersion(std::move(making), steps);
  if (!status.ok()) {
    SettleAfterFailure(key_id);
    return status;
  }
  return Published(key_id);
}

StatusOr<KeyringImpl::Making> KeyringImpl::StorePending(
    const Uuid& key_id,
    const std::function<StatusOr<uint32_t>(store::Transaction&)>& begin) {
  Making making;
  making.row.key_id = key_id;
  making.row.kek_id = Uuid::Random();
  making.row.state = VersionState::kPending;
  making.row.seals_reserved = NewReservation();
  making.row.created = clock_.Now();
  bool refused = false;
  const Status status = store_.Update([&](store::Transaction& t) -> Status {
    refused = true;
    SR_ASSIGN_OR_RETURN(making.row.version, begin(t));
    SR_ASSIGN_OR_RETURN(making.lease, TakeLease(t, key_id));
    SR_RETURN_IF_ERROR(t.InsertVersion(making.row));
    SR_RETURN_IF_ERROR(t.BumpChangeSeq());
    refused = false;
    return OkStatus();
  });
  if (!status.ok()) {
    // A commit that failed may have reached the disk.
    if (!refused) SettleAfterFailure(key_id);
    return status;
  }
  // One of the seals is the known answer.
  making.left = making.row.seals_reserved - 1;
  return making;
}

Status KeyringImpl::FinishVersion(Making making, const MakeSteps& steps) {
  SR_ASSIGN_OR_RETURN(making.row.known_answer,
                      token_.SealKnownAnswer(making.row, &making.left));
  CrashPoint(steps.known_answer);
  token_.Adopt(making.row);
  SR_ASSIGN_OR_RETURN(KeyRows rows, StoreEnabled(making));
  CrashPoint(steps.enabled);
  const store::VersionRow& row = making.row;
  uint32_t& highest = token_highest_[row.key_id];
  highest = std::max(highest, row.version);
  if (row.version != rows.versions.front().version) rotations_.Add();
  const Status stored =
      live_.Publish({std::move(rows)}, [&](const store::VersionRow& fresh) {
        return LiveKeys::New{.left = fresh.version == row.version ? making.left
                                                                  : 0};
      });
  if (!stored.ok()) return stored;
  CrashPoint(steps.published);
  return OkStatus();
}

StatusOr<KeyRows> KeyringImpl::StoreEnabled(const Making& making) {
  KeyRows after;
  const Status stored = store_.Update([&](store::Transaction& t) -> Status {
    const WallTime now = clock_.Now();
    SR_RETURN_IF_ERROR(t.CheckLease(making.lease, now));
    SR_ASSIGN_OR_RETURN(KeyRows rows, ReadRows(t, making.row.key_id));
    store::VersionRow row = making.row;
    row.state = VersionState::kEnabled;
    SR_RETURN_IF_ERROR(t.UpdateVersion(row));
    // A creation finished late, by recovery, must not take the primary back
    // from a newer version.
    if (row.version > rows.key.primary_version) {
      const bool rotation = rows.key.primary_version != 0;
      rows.key.primary_version = row.version;
      rows.key.next_rotation =
          rows.key.rotation_period_s == 0
              ? WallTime{}
              : now + std::chrono::seconds(rows.key.rotation_period_s);
      SR_RETURN_IF_ERROR(t.UpdateKey(rows.key));
      if (rotation && rows.key.rewrap_on_rotation && options_.rotated) {
        SR_RETURN_IF_ERROR(options_.rotated(t, row.key_id));
      }
    }
    SR_RETURN_IF_ERROR(t.BumpChangeSeq());
    SR_RETURN_IF_ERROR(t.ReleaseLease(making.lease));
    SR_ASSIGN_OR_RETURN(after, ReadRows(t, row.key_id));
    return OkStatus();
  });
  if (!stored.ok()) return stored;
  return after;
}

}  // namespace strongroom::keyring
