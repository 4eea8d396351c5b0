#include "keyring/startup.h"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_set>

#include "keyring/dependents.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/base/log.h"

namespace strongroom::keyring {
namespace {

constexpr int kMissingNamed = 20;

bool WantsItsKek(const store::VersionRow& row) {
  return row.state == VersionState::kEnabled ||
         row.state == VersionState::kDisabled;
}

// Doubt marks a version of a store that may be an old copy: no timer takes it
// out of use, as what the lost store knew may need it; it counts as one that
// may have issued anything, and its key as one that did not always demand
// registration. False if nothing is new.
StatusOr<bool> Doubt(store::Transaction& t, const store::VersionRow& version) {
  if (version.state == VersionState::kPending ||
      version.state == VersionState::kDestroyed) {
    return false;
  }
  SR_ASSIGN_OR_RETURN(const std::vector<store::UseRow> uses,
                      t.dependents().UsesOf(version.key_id));
  const bool doubted = std::ranges::any_of(uses, [&](const store::UseRow& use) {
    return use.version == version.version && use.uncounted;
  });
  if (doubted && version.retired) return false;
  store::VersionRow row = version;
  row.retired = true;
  SR_RETURN_IF_ERROR(t.UpdateVersion(row));
  SR_RETURN_IF_ERROR(MarkUncounted(t, row));
  SR_ASSIGN_OR_RETURN(std::optional<store::KeyRow> key, t.GetKey(row.key_id));
  if (!key || !key->always_required) return true;
  key->always_required = false;
  SR_RETURN_IF_ERROR(t.UpdateKey(*key));
  return true;
}

}  // namespace

StatusOr<RecoveryReport> Startup::Run() {
  const Turn turn(parts_.turns);
  CrashPoint("start/begin");
  SR_ASSIGN_OR_RETURN(const Inventory inventory, parts_.token.TakeInventory());
  std::vector<store::RemovedRow> removed;
  SR_ASSIGN_OR_RETURN(const std::vector<KeyRows> rows,
                      ReadAllRows(parts_.store, &removed));
  maker_.NoteInventory(turn, inventory);
  RecoveryReport report;
  SR_RETURN_IF_ERROR(PublishFirst(rows, inventory, &report));
  LookForUnknown(rows, removed, inventory, &report);
  const std::optional<uint64_t> watermark = parts_.store.Watermark();
  if (!rows.empty() && (!watermark || *watermark > rows.front().change_seq ||
                        report.unknown_objects > 0)) {
    SR_RETURN_IF_ERROR(
        HoldDestructions(watermark, report.unknown_objects > 0, &report));
  }
  grace_.Begin(turn);
  recovery_.SettleAtStart(turn, rows, removed, inventory, &report);
  CrashPoint("start/end");
  return report;
}

Status Startup::PublishFirst(const std::vector<KeyRows>& rows,
                             const Inventory& inventory,
                             RecoveryReport* report) {
  for (const KeyRows& key : rows) {
    for (const store::VersionRow& row : key.versions) {
      if (!row.known_answer.empty()) parts_.token.Adopt(row);
      if (row.state == VersionState::kDestroyed &&
          inventory.keks.contains(row.kek_id)) {
        ++report->returned_keks;
        log::Error(
            "a destroyed KEK is on the token again, from a backup of it "
            "perhaps. It is not used; remove it with the token's own tool if "
            "it is to be gone",
            {{"version", NameOf(key, row.version)},
             {"cka_id", row.kek_id.ToString()}});
      }
      if (!WantsItsKek(row)) continue;
      auto object = inventory.keks.find(row.kek_id);
      if (object == inventory.keks.end()) {
        if (++report->missing_keks > kMissingNamed) continue;
        log::Error("a KEK is not on the token; what it wraps cannot be opened",
                   {{"version", NameOf(key, row.version)},
                    {"cka_id", row.kek_id.ToString()}});
      } else if (!parts_.token.IsProper(object->second, row)) {
        log::Warning(
            "a KEK on the token has not the attributes that it was "
            "made with",
            {{"version", NameOf(key, row.version)},
             {"label", object->second.label}});
      }
    }
  }
  if (report->missing_keks > 0) {
    log::Error("KEKs are missing: is this the right token for this store?",
               {{"missing", report->missing_keks}});
  }
  return parts_.catalogue.Publish(rows, [&](const store::VersionRow& row) {
    return Catalogue::New{.on_token = inventory.keks.contains(row.kek_id)};
  });
}

void Startup::LookForUnknown(const std::vector<KeyRows>& rows,
                             const std::vector<store::RemovedRow>& removed,
                             const Inventory& inventory,
                             RecoveryReport* report) const {
  std::unordered_set<Uuid> known;
  for (const KeyRows& key : rows) {
    for (const store::VersionRow& row : key.versions) known.insert(row.kek_id);
  }
  for (const store::RemovedRow& row : removed) known.insert(row.kek_id);
  for (const hsm::TokenObject& object : inventory.labelled) {
    StatusOr<Uuid> id = Uuid::FromBytes(object.id);
    if (id.ok() && known.contains(*id)) continue;
    ++report->unknown_objects;
  }
  if (report->unknown_objects > 0) {
    log::Error(
        "the token holds KEKs of this installation that the store does not "
        "know: the store may be an old copy. They are left alone; see "
        "strongroom hsm objects",
        {{"objects", report->unknown_objects}});
  }
  if (rows.empty() && inventory.foreign > 0) {
    report->foreign_keks = inventory.foreign;
    log::Warning(
        "the store has no key, but the token holds KEKs of other "
        "installations: is this the right store?",
        {{"keks", inventory.foreign}});
  }
}

Status Startup::HoldDestructions(std::optional<uint64_t> watermark,
                                 bool unknown_objects, RecoveryReport* report) {
  std::string why;
  std::vector<std::string> names;
  std::vector<KeyRows> after;
  const auto hold = [&](store::Transaction& t) -> Status {
    why.clear();
    names.clear();
    after.clear();
    SR_ASSIGN_OR_RETURN(const uint64_t seq, t.ChangeSeq());
    if (unknown_objects) why = "the token holds KEKs that it does not know";
    if (!watermark) why = "it has no watermark beside it";
    if (watermark && *watermark > seq) {
      why = "it is at change " + std::to_string(seq) + ", and change " +
            std::to_string(*watermark) + " was made";
    }
    SR_ASSIGN_OR_RETURN(const std::vector<store::VersionRow> rows,
                        t.AllVersions());
    std::set<Uuid> keys;
    for (store::VersionRow row : rows) {
      // It may have been finished since, and be in use.
      if (row.state == VersionState::kPending && !row.held) {
        row.held = true;
        SR_RETURN_IF_ERROR(t.UpdateVersion(row));
        keys.insert(row.key_id);
        continue;
      }
      SR_ASSIGN_OR_RETURN(const bool doubted, Doubt(t, row));
      if (doubted) keys.insert(row.key_id);
      row.retired = true;
      // What has begun cannot have been cancelled.
      if (row.state != VersionState::kDestroyScheduled || row.destroying ||
          row.held) {
        continue;
      }
      row.held = true;
      SR_RETURN_IF_ERROR(t.UpdateVersion(row));
      SR_ASSIGN_OR_RETURN(const KeyRows key, ReadRows(t, row.key_id));
      names.push_back(NameOf(key, row.version));
      keys.insert(row.key_id);
    }
    if (keys.empty() && watermark && *watermark <= seq) return OkStatus();
    // Above the watermark, so that this is found once.
    SR_RETURN_IF_ERROR(t.RaiseChangeSeq(watermark.value_or(seq)));
    for (const Uuid& id : keys) {
      SR_ASSIGN_OR_RETURN(KeyRows key, ReadRows(t, id));
      after.push_back(std::move(key));
    }
    return OkStatus();
  };
  SR_RETURN_IF_ERROR(parts_.store.UpdateInOrder(hold));
  log::Error("the store may be an old copy", {{"because", why}});
  for (const std::string& name : names) {
    log::Error(
        "a scheduled destruction is held back, as it may have been cancelled "
        "since the copy was made: cancel it, and schedule it again if the KEK "
        "is to go",
        {{"version", name}});
  }
  report->held = static_cast<int>(names.size());
  return parts_.catalogue.Republish(std::move(after));
}

}  // namespace strongroom::keyring
