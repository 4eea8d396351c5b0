// Start, and bringing to an end what a crash or a failure left unfinished.
#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "keyring/keyring_impl.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/base/log.h"

namespace strongroom::keyring {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kRetryAfter{10};
constexpr int kMissingNamed = 20;

constexpr MakeSteps kResumeSteps = {.begin = "resume/begin",
                                    .pending = "resume/reserved",
                                    .object = "resume/object",
                                    .known_answer = "resume/known-answer",
                                    .enabled = "resume/enabled",
                                    .published = "resume/published"};

bool IsUnfinished(const store::VersionRow& row) {
  return row.state == VersionState::kPending || row.destroying;
}

const store::VersionRow* FindUnfinished(const KeyRows& rows) {
  auto found = std::ranges::find_if(rows.versions, IsUnfinished);
  return found == rows.versions.end() ? nullptr : &*found;
}

bool WantsItsKek(const store::VersionRow& row) {
  return row.state == VersionState::kEnabled ||
         row.state == VersionState::kDisabled;
}

// A token that dies while it generates can leave an object with all that was
// asked for but its value. Both signs are wanted: what seals is no remnant, and
// what a healthy token generated is not destroyed for a bad moment.
bool IsRemnant(const hsm::TokenObject& object, const Status& sealing) {
  return !object.local && ReasonOf(sealing) == Reason::kHsmUnexpected;
}

std::string NameOf(const KeyRows& rows, uint32_t version) {
  return rows.key.name + " v" + std::to_string(version);
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

StatusOr<RecoveryReport> KeyringImpl::Start() {
  MutexLock lock(changes_);
  CrashPoint("start/begin");
  SR_ASSIGN_OR_RETURN(const Inventory inventory, token_.TakeInventory());
  SR_ASSIGN_OR_RETURN(const std::vector<KeyRows> rows, ReadAllRows());
  token_highest_ = inventory.highest;
  RecoveryReport report;
  SR_RETURN_IF_ERROR(PublishAtStart(rows, inventory, &report));
  LookForUnknown(rows, inventory, &report);
  const std::optional<uint64_t> watermark = store_.Watermark();
  if (!rows.empty() && (!watermark || *watermark > rows.front().change_seq ||
                        report.unknown_objects > 0)) {
    SR_RETURN_IF_ERROR(
        HoldDestructions(watermark, report.unknown_objects > 0, &report));
  }
  StartGrace();
  for (const KeyRows& key : rows) {
    if (FindUnfinished(key) == nullptr) continue;
    const Status status = Settle(key.key.id, &inventory, &report);
    if (status.ok()) continue;
    log::Warning("a key could not be recovered yet",
                 {{"key", key.key.name}, {"error", status}});
    unsettled_[key.key.id] = {.finish = true,
                              .not_before = clock_.Steady() + kRetryAfter};
  }
  CrashPoint("start/end");
  return report;
}

StatusOr<std::vector<KeyRows>> KeyringImpl::ReadAllRows() {
  std::vector<KeyRows> rows;
  const Status stored = store_.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(std::vector<store::KeyRow> keys, t.AllKeys());
    SR_ASSIGN_OR_RETURN(std::vector<store::VersionRow> versions,
                        t.AllVersions());
    SR_ASSIGN_OR_RETURN(const uint64_t change_seq, t.ChangeSeq());
    rows.clear();
    std::unordered_map<Uuid, size_t> index;
    for (store::KeyRow& key : keys) {
      index.emplace(key.id, rows.size());
      rows.push_back({std::move(key), {}, change_seq});
    }
    for (store::VersionRow& version : versions) {
      auto found = index.find(version.key_id);
      if (found == index.end()) {
        return Error(Reason::kStoreCorrupt,
                     "the store has a version of the key " +
                         version.key_id.ToString() +
                         ", which has no row; restore a backup of the store");
      }
      rows[found->second].versions.push_back(std::move(version));
    }
    return OkStatus();
  });
  if (!stored.ok()) return stored;
  return rows;
}

Status KeyringImpl::PublishAtStart(const std::vector<KeyRows>& rows,
                                   const Inventory& inventory,
                                   RecoveryReport* report) {
  for (const KeyRows& key : rows) {
    for (const store::VersionRow& row : key.versions) {
      if (!row.known_answer.empty()) token_.Adopt(row);
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
      } else if (!token_.IsProper(object->second, row)) {
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
  return live_.Publish(rows, [&](const store::VersionRow& row) {
    return LiveKeys::New{.on_token = inventory.keks.contains(row.kek_id)};
  });
}

// Objects of this installation that the store does not know are newer than the
// store: it was restored from a copy. What it says of destructions may have
// been cancelled since.
void KeyringImpl::LookForUnknown(const std::vector<KeyRows>& rows,
                                 const Inventory& inventory,
                                 RecoveryReport* report) {
  std::unordered_set<Uuid> known;
  for (const KeyRows& key : rows) {
    for (const store::VersionRow& row : key.versions) known.insert(row.kek_id);
  }
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

Status KeyringImpl::HoldDestructions(std::optional<uint64_t> watermark,
                                     bool unknown_objects,
                                     RecoveryReport* report) {
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
  SR_RETURN_IF_ERROR(store_.Update(hold));
  log::Error("the store may be an old copy", {{"because", why}});
  for (const std::string& name : names) {
    log::Error(
        "a scheduled destruction is held back, as it may have been cancelled "
        "since the copy was made: cancel it, and schedule it again if the KEK "
        "is to go",
        {{"version", name}});
  }
  report->held = static_cast<int>(names.size());
  return Publish(std::move(after));
}

void KeyringImpl::StartGrace() {
  grace_ends_ = clock_.Steady() + options_.destruction_grace;
  const WallTime now = clock_.Now();
  for (const auto& [name, key] : live_.Get()->snapshot->keys()) {
    for (const Version& version : key->versions) {
      if (version.state != VersionState::kDestroyScheduled ||
          version.destruction_held) {
        continue;
      }
      in_grace_.insert({key->id, version.number});
      if (version.destroy_time > now || options_.destruction_grace == 0s) {
        continue;
      }
      log::Warning(
          "a destruction is overdue since before the start: it is carried out "
          "after the grace period, unless it is cancelled",
          {{"version", name + " v" + std::to_string(version.number)},
           {"grace_seconds", options_.destruction_grace.count()}});
    }
  }
}

Status KeyringImpl::Settle(const Uuid& id, const Inventory* inventory,
                           RecoveryReport* report) {
  for (;;) {
    std::optional<KeyRows> rows;
    const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(const std::optional<store::KeyRow> key, t.GetKey(id));
      if (!key) return OkStatus();
      SR_ASSIGN_OR_RETURN(rows, ReadRows(t, id));
      return OkStatus();
    });
    if (!read.ok()) return read;
    // Only a key that was never finished, hence never shown, can be gone.
    if (!rows) return OkStatus();
    const store::VersionRow* unfinished = FindUnfinished(*rows);
    if (unfinished == nullptr) return Publish({*std::move(rows)});

    // Whoever has the lease is at it; what was read before may be past.
    store::Lease lease;
    std::optional<store::VersionRow> row;
    const Status leased = store_.Update([&](store::Transaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(lease, TakeLease(t, id));
      SR_ASSIGN_OR_RETURN(const std::vector<store::VersionRow> now,
                          t.VersionsOf(id));
      row.reset();
      for (const store::VersionRow& one : now) {
        if (one.kek_id == unfinished->kek_id && IsUnfinished(one)) row = one;
      }
      return row ? OkStatus() : t.ReleaseLease(lease);
    });
    if (!leased.ok()) return leased;
    if (!row) continue;
    SR_RETURN_IF_ERROR(SettleVersion(lease, *row, inventory, report));
  }
}

Status KeyringImpl::SettleVersion(const store::Lease& lease,
                                  const store::VersionRow& row,
                                  const Inventory* inventory,
                                  RecoveryReport* report) {
  RecoveryReport ignored;
  RecoveryReport& count = report == nullptr ? ignored : *report;
  if (row.destroying) {
    SR_RETURN_IF_ERROR(Destroy(lease, row));
    ++count.destroyed;
    return OkStatus();
  }
  if (inventory != nullptr) {
    auto object = inventory->keks.find(row.kek_id);
    if (object != inventory->keks.end() &&
        token_.IsProper(object->second, row)) {
      const Status resumed = Resume(lease, row);
      if (resumed.ok()) ++count.finished;
      if (!IsRemnant(object->second, resumed)) return resumed;
      log::Warning("the token never finished a KEK: it is taken back",
                   {{"label", object->second.label}, {"error", resumed}});
    }
  }
  SR_RETURN_IF_ERROR(TakeBack(lease, row));
  ++count.removed;
  return OkStatus();
}

Status KeyringImpl::TakeBack(const store::Lease& lease,
                             const store::VersionRow& row) {
  CrashPoint("take-back/begin");
  SR_RETURN_IF_ERROR(token_.Destroy(row));
  CrashPoint("take-back/object");
  const Status stored = store_.Update([&](store::Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.CheckLease(lease, clock_.Now()));
    SR_RETURN_IF_ERROR(t.DeleteVersion(row.key_id, row.version));
    SR_ASSIGN_OR_RETURN(const std::vector<store::VersionRow> left,
                        t.VersionsOf(row.key_id));
    // A key without a version was never shown to anybody.
    if (left.empty()) SR_RETURN_IF_ERROR(t.DeleteKey(row.key_id));
    SR_RETURN_IF_ERROR(t.BumpChangeSeq());
    return t.ReleaseLease(lease);
  });
  if (!stored.ok()) return stored;
  CrashPoint("take-back/rows");
  return OkStatus();
}

Status KeyringImpl::Resume(const store::Lease& lease,
                           const store::VersionRow& pending) {
  CrashPoint(kResumeSteps.begin);
  // The first reservation may have been used; the known answer needs a new one.
  Making making{.lease = lease, .row = pending, .left = NewReservation() - 1};
  making.row.seals_reserved += NewReservation();
  const Status stored = store_.Update([&](store::Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.CheckLease(lease, clock_.Now()));
    return t.UpdateVersion(making.row);
  });
  if (!stored.ok()) return stored;
  CrashPoint(kResumeSteps.pending);
  return FinishVersion(std::move(making), kResumeSteps);
}

Status KeyringImpl::Destroy(const store::Lease& lease,
                            const store::VersionRow& marked) {
  CrashPoint("destroy/marked");
  // On a token that is away or another one the KEK would seem to be gone.
  KeyRows rows;
  SR_RETURN_IF_ERROR(store_.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(rows, ReadRows(t, marked.key_id));
    return OkStatus();
  }));
  SR_RETURN_IF_ERROR(ProveToken(rows));
  SR_RETURN_IF_ERROR(token_.Destroy(marked));
  CrashPoint("destroy/object");
  KeyRows after;
  const Status stored = store_.Update([&](store::Transaction& t) -> Status {
    const WallTime now = clock_.Now();
    SR_RETURN_IF_ERROR(t.CheckLease(lease, now));
    store::VersionRow row = marked;
    row.state = VersionState::kDestroyed;
    row.destroy_time = now;
    row.known_answer.clear();
    row.destroying = false;
    SR_RETURN_IF_ERROR(t.UpdateVersion(row));
    SR_RETURN_IF_ERROR(t.BumpChangeSeq());
    SR_RETURN_IF_ERROR(t.ReleaseLease(lease));
    SR_ASSIGN_OR_RETURN(after, ReadRows(t, row.key_id));
    return OkStatus();
  });
  if (!stored.ok()) return stored;
  CrashPoint("destroy/stored");
  SR_RETURN_IF_ERROR(Publish({std::move(after)}));
  CrashPoint("destroy/published");
  const Status told = Tell({.kind = Event::Kind::kDestruction,
                            .done = true,
                            .key = rows.key.name,
                            .version = marked.version,
                            .outcome = OkStatus()});
  if (!told.ok()) {
    log::Error("the end of a destruction is not in the audit log",
               {{"version", NameOf(rows, marked.version)}, {"error", told}});
  }
  return OkStatus();
}

Status KeyringImpl::ProveToken(const KeyRows& rows) const {
  const store::VersionRow* primary = rows.Find(rows.key.primary_version);
  const Status proved =
      primary == nullptr ? OkStatus() : token_.Prove(*primary);
  if (proved.ok()) return OkStatus();
  return Error(
      ReasonOf(proved),
      "no KEK of key " + rows.key.name + " is destroyed while its primary, v" +
          std::to_string(rows.key.primary_version) +
          ", does not answer on the token: " + std::string(proved.message()));
}

void KeyringImpl::SettleAfterFailure(const Uuid& id) {
  auto before = unsettled_.find(id);
  // What Start left may still be finished; it must not be taken back here.
  if (before != unsettled_.end() && before->second.finish) return;
  const Status status = Settle(id, nullptr, nullptr);
  if (status.ok()) {
    unsettled_.erase(id);
    return;
  }
  log::Warning("a failed change could not be taken back yet",
               {{"key", id.ToString()}, {"error", status}});
  unsettled_[id] = {.finish = false,
                    .not_before = clock_.Steady() + kRetryAfter};
}

void KeyringImpl::RetryUnsettled() {
  const SteadyTime now = clock_.Steady();
  std::vector<Uuid> due;
  bool finish = false;
  for (const auto& [id, what] : unsettled_) {
    if (what.not_before > now) continue;
    due.push_back(id);
    finish = finish || what.finish;
  }
  if (due.empty()) return;
  StatusOr<Inventory> inventory = Inventory();
  if (finish) inventory = token_.TakeInventory();
  for (const Uuid& id : due) {
    Unsettled& what = unsettled_[id];
    Status status = inventory.status();
    if (status.ok()) {
      status = Settle(id, what.finish ? &*inventory : nullptr, nullptr);
    }
    if (status.ok()) {
      unsettled_.erase(id);
      continue;
    }
    what.not_before = now + kRetryAfter;
    log::Warning("a key could not be recovered yet",
                 {{"key", id.ToString()}, {"error", status}});
  }
}

}  // namespace strongroom::keyring
