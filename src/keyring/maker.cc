#include "keyring/maker.h"

#include <algorithm>

#include "strongroom/base/crash_points.h"

namespace strongroom::keyring {

Maker::Maker(const KeyringParts& parts, Metrics& metrics)
    : parts_(parts),
      rotations_(metrics.GetCounter("strongroom_rotations_total",
                                    "Key rotations done.")) {}

StatusOr<Making> Maker::StorePending(const Turn&, const Uuid& key_id,
                                     const Begin& begin, bool* refused) {
  Making making;
  making.row.key_id = key_id;
  making.row.kek_id = Uuid::Random();
  making.row.state = VersionState::kPending;
  making.row.seals_reserved = parts_.NewReservation();
  making.row.created = parts_.clock.Now();
  const Status status =
      parts_.store.UpdateInOrder([&](store::Transaction& t) -> Status {
        *refused = true;
        SR_ASSIGN_OR_RETURN(making.row.version, begin(t));
        SR_ASSIGN_OR_RETURN(making.lease, parts_.TakeLease(t, key_id));
        SR_RETURN_IF_ERROR(t.InsertVersion(making.row));
        SR_RETURN_IF_ERROR(t.BumpChangeSeq());
        *refused = false;
        return OkStatus();
      });
  SR_RETURN_IF_ERROR(status);
  // One of the seals is the known answer.
  making.left = making.row.seals_reserved - 1;
  return making;
}

Status Maker::Finish(const Turn&, Making making, const MakeSteps& steps) {
  SR_ASSIGN_OR_RETURN(making.row.known_answer,
                      parts_.token.SealKnownAnswer(making.row, &making.left));
  CrashPoint(steps.known_answer);
  parts_.token.Adopt(making.row);
  SR_ASSIGN_OR_RETURN(KeyRows rows, StoreEnabled(making));
  CrashPoint(steps.enabled);
  const store::VersionRow& row = making.row;
  uint32_t& highest = highest_[row.key_id];
  highest = std::max(highest, row.version);
  if (row.version != rows.versions.front().version) rotations_.Add();
  const Status stored = parts_.catalogue.Publish(
      {std::move(rows)}, [&](const store::VersionRow& fresh) {
        return Catalogue::New{.left = fresh.version == row.version ? making.left
                                                                   : 0};
      });
  if (!stored.ok()) return stored;
  CrashPoint(steps.published);
  return OkStatus();
}

StatusOr<KeyRows> Maker::StoreEnabled(const Making& making) {
  KeyRows after;
  const Status stored =
      parts_.store.UpdateInOrder([&](store::Transaction& t) -> Status {
        const WallTime now = parts_.clock.Now();
        SR_RETURN_IF_ERROR(t.CheckLease(making.lease));
        SR_ASSIGN_OR_RETURN(KeyRows rows, ReadRows(t, making.row.key_id));
        store::VersionRow row = making.row;
        row.state = VersionState::kEnabled;
        row.held = false;
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
          if (rotation && rows.key.rewrap_on_rotation &&
              parts_.options.rotated) {
            SR_RETURN_IF_ERROR(parts_.options.rotated(t, row.key_id));
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

uint32_t Maker::HighestOnToken(const Turn&, const Uuid& key_id) const {
  auto known = highest_.find(key_id);
  return known == highest_.end() ? 0 : known->second;
}

void Maker::NoteOnToken(const Turn&, const Uuid& key_id, uint32_t version) {
  uint32_t& highest = highest_[key_id];
  highest = std::max(highest, version);
}

void Maker::NoteInventory(const Turn&, const Inventory& inventory) {
  highest_ = inventory.highest;
}

}  // namespace strongroom::keyring
