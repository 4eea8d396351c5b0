#include "keyring/recovery.h"

#include <algorithm>

#include "strongroom/base/crash_points.h"
#include "strongroom/base/log.h"

namespace strongroom::keyring {
namespace {

constexpr std::chrono::seconds kRetryAfter{10};
// A call that hangs in the token may make its object long after it was given
// up.
constexpr std::chrono::seconds kSweepAfter{600};

constexpr MakeSteps kResumeSteps = {.begin = "resume/begin",
                                    .pending = "resume/reserved",
                                    .object = "resume/object",
                                    .known_answer = "resume/known-answer",
                                    .enabled = "resume/enabled",
                                    .published = "resume/published"};

// A PENDING version of a store that may be an old copy is never given up: it
// may have been finished since. With its KEK on the token it can be finished
// here.
bool IsUnfinished(const store::VersionRow& row, const Inventory* inventory) {
  if (row.destroying) return true;
  if (row.state != VersionState::kPending) return false;
  return !row.held ||
         (inventory != nullptr && inventory->keks.contains(row.kek_id));
}

const store::VersionRow* FindUnfinished(const KeyRows& rows,
                                        const Inventory* inventory) {
  auto found = std::ranges::find_if(rows.versions, [&](const auto& row) {
    return IsUnfinished(row, inventory);
  });
  return found == rows.versions.end() ? nullptr : &*found;
}

// A token that dies while it generates can leave an object with all that was
// asked for but its value. Both signs are wanted: what seals is no remnant, and
// what a healthy token generated is not destroyed for a bad moment.
bool IsRemnant(const hsm::TokenObject& object, const Status& sealing) {
  return !object.local && ReasonOf(sealing) == Reason::kHsmUnexpected;
}

}  // namespace

void Recovery::SettleAtStart(const Turn& turn, const std::vector<KeyRows>& rows,
                             const std::vector<store::RemovedRow>& removed,
                             const Inventory& inventory,
                             RecoveryReport* report) {
  if (Status swept = Sweep(turn, removed, inventory); !swept.ok()) {
    log::Warning("KEKs that were given up are not destroyed yet",
                 {{"error", swept}});
    next_sweep_ = parts_.clock.Steady() + kRetryAfter;
  }
  for (const KeyRows& key : rows) {
    if (FindUnfinished(key, &inventory) == nullptr) continue;
    const Status status = Settle(turn, key.key.id, &inventory, report);
    if (status.ok()) continue;
    log::Warning("a key could not be recovered yet",
                 {{"key", key.key.name}, {"error", status}});
    unsettled_[key.key.id] = {
        .finish = true, .not_before = parts_.clock.Steady() + kRetryAfter};
  }
}

Status Recovery::Settle(const Turn& turn, const Uuid& id,
                        const Inventory* inventory, RecoveryReport* report) {
  for (;;) {
    std::optional<KeyRows> rows;
    const Status read =
        parts_.store.Read([&](store::ReadTransaction& t) -> Status {
          SR_ASSIGN_OR_RETURN(const std::optional<store::KeyRow> key,
                              t.GetKey(id));
          if (!key) return OkStatus();
          SR_ASSIGN_OR_RETURN(rows, ReadRows(t, id));
          return OkStatus();
        });
    if (!read.ok()) return read;
    // Only a key that was never finished, hence never shown, can be gone.
    if (!rows) return OkStatus();
    const store::VersionRow* unfinished = FindUnfinished(*rows, inventory);
    if (unfinished == nullptr)
      return parts_.catalogue.Republish({*std::move(rows)});

    // Whoever has the lease is at it; what was read before may be past.
    store::Lease lease;
    std::optional<store::VersionRow> row;
    const Status leased =
        parts_.store.Update([&](store::Transaction& t) -> Status {
          SR_ASSIGN_OR_RETURN(lease, parts_.TakeLease(t, id));
          SR_ASSIGN_OR_RETURN(const std::vector<store::VersionRow> now,
                              t.VersionsOf(id));
          row.reset();
          for (const store::VersionRow& one : now) {
            if (one.kek_id == unfinished->kek_id &&
                IsUnfinished(one, inventory))
              row = one;
          }
          return row ? OkStatus() : t.ReleaseLease(lease);
        });
    if (!leased.ok()) return leased;
    if (!row) continue;
    SR_RETURN_IF_ERROR(SettleVersion(turn, lease, *row, inventory, report));
  }
}

Status Recovery::SettleVersion(const Turn& turn, const store::Lease& lease,
                               const store::VersionRow& row,
                               const Inventory* inventory,
                               RecoveryReport* report) {
  RecoveryReport ignored;
  RecoveryReport& count = report == nullptr ? ignored : *report;
  if (row.destroying) {
    SR_RETURN_IF_ERROR(destructions_.Finish(turn, lease, row));
    ++count.destroyed;
    return OkStatus();
  }
  if (inventory != nullptr) {
    auto object = inventory->keks.find(row.kek_id);
    if (object != inventory->keks.end() &&
        parts_.token.IsProper(object->second, row)) {
      const Status resumed = Resume(turn, lease, row);
      if (resumed.ok()) ++count.finished;
      if (row.held || !IsRemnant(object->second, resumed)) return resumed;
      log::Warning("the token never finished a KEK: it is taken back",
                   {{"label", object->second.label}, {"error", resumed}});
    }
  }
  if (row.held) {
    return Error(Reason::kConflict,
                 "the KEK of a version that may be in use since this copy of "
                 "the store was made is not as it was made; it is left alone");
  }
  SR_RETURN_IF_ERROR(TakeBack(turn, lease, row));
  ++count.removed;
  return OkStatus();
}

// The mark comes first, under the lease: what is destroyed on the token no
// other process can have finished, or can finish any more.
Status Recovery::TakeBack(const Turn& turn, const store::Lease& lease,
                          const store::VersionRow& row) {
  CrashPoint("take-back/begin");
  const Status marked =
      parts_.store.UpdateInOrder([&](store::Transaction& t) -> Status {
        SR_RETURN_IF_ERROR(t.CheckLease(lease));
        SR_RETURN_IF_ERROR(
            t.RemoveVersion(row.key_id, row.version, parts_.clock.Now()));
        SR_ASSIGN_OR_RETURN(const std::vector<store::VersionRow> left,
                            t.VersionsOf(row.key_id));
        // A key without a version was never shown to anybody.
        if (left.empty()) SR_RETURN_IF_ERROR(t.DeleteKey(row.key_id));
        SR_RETURN_IF_ERROR(t.BumpChangeSeq());
        return t.ReleaseLease(lease);
      });
  if (!marked.ok()) return marked;
  CrashPoint("take-back/rows");
  next_sweep_ = parts_.clock.Steady() + kSweepAfter;
  const Status destroyed = parts_.token.Destroy(row);
  if (!destroyed.ok()) {
    next_sweep_ = parts_.clock.Steady() + kRetryAfter;
    // Two objects of one label could not be told apart by a rebuilding.
    maker_.NoteOnToken(turn, row.key_id, row.version);
    log::Warning("a KEK that was given up may still be on the token",
                 {{"cka_id", row.kek_id.ToString()}, {"error", destroyed}});
  }
  CrashPoint("take-back/object");
  return OkStatus();
}

Status Recovery::Sweep(const Turn&,
                       const std::vector<store::RemovedRow>& removed,
                       const Inventory& inventory) {
  for (const store::RemovedRow& one : removed) {
    const auto object = inventory.keks.find(one.kek_id);
    store::VersionRow row;
    row.key_id = one.key_id;
    row.version = one.version;
    row.kek_id = one.kek_id;
    if (object == inventory.keks.end() ||
        object->second.label != parts_.token.LabelOf(row)) {
      continue;
    }
    SR_RETURN_IF_ERROR(parts_.token.Destroy(row));
    log::Warning(
        "a KEK that was given up came to the token: it is destroyed",
        {{"label", object->second.label}, {"cka_id", one.kek_id.ToString()}});
  }
  return OkStatus();
}

void Recovery::SweepIfDue(const Turn& turn) {
  const SteadyTime now = parts_.clock.Steady();
  if (!next_sweep_ || *next_sweep_ > now) return;
  const StatusOr<Inventory> inventory = parts_.token.TakeInventory();
  std::vector<store::RemovedRow> removed;
  Status status = inventory.status();
  if (status.ok()) {
    status = parts_.store.Read([&](store::ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(removed, t.AllRemoved());
      return OkStatus();
    });
  }
  if (status.ok()) status = Sweep(turn, removed, *inventory);
  next_sweep_ = now + (status.ok() ? kSweepAfter : kRetryAfter);
  if (status.ok()) return;
  log::Warning("KEKs that were given up could not be looked for",
               {{"error", status}});
}

Status Recovery::Resume(const Turn& turn, const store::Lease& lease,
                        const store::VersionRow& pending) {
  CrashPoint(kResumeSteps.begin);
  // The first reservation may have been used; the known answer needs a new one.
  Making making{
      .lease = lease, .row = pending, .left = parts_.NewReservation() - 1};
  making.row.seals_reserved += parts_.NewReservation();
  const Status stored =
      parts_.store.Update([&](store::Transaction& t) -> Status {
        SR_RETURN_IF_ERROR(t.CheckLease(lease));
        return t.UpdateVersion(making.row);
      });
  if (!stored.ok()) return stored;
  CrashPoint(kResumeSteps.pending);
  return maker_.Finish(turn, std::move(making), kResumeSteps);
}

void Recovery::AfterFailure(const Turn& turn, const Uuid& id) {
  auto before = unsettled_.find(id);
  // What Start left may still be finished; it must not be taken back here.
  if (before != unsettled_.end() && before->second.finish) return;
  const Status status = Settle(turn, id, nullptr, nullptr);
  if (status.ok()) {
    unsettled_.erase(id);
    return;
  }
  log::Warning("a failed change could not be taken back yet",
               {{"key", id.ToString()}, {"error", status}});
  unsettled_[id] = {.finish = false,
                    .not_before = parts_.clock.Steady() + kRetryAfter};
}

Status Recovery::BeforeRotation(const Turn& turn, const Uuid& id) {
  const auto found = unsettled_.find(id);
  if (found == unsettled_.end()) return OkStatus();
  Inventory inventory;
  if (found->second.finish) {
    SR_ASSIGN_OR_RETURN(inventory, parts_.token.TakeInventory());
  }
  SR_RETURN_IF_ERROR(
      Settle(turn, id, found->second.finish ? &inventory : nullptr, nullptr));
  unsettled_.erase(id);
  return OkStatus();
}

Status Recovery::BeforeCreation(const Turn& turn, const Uuid& unfinished) {
  const auto failed = unsettled_.find(unfinished);
  Inventory inventory;
  const bool ours = failed != unsettled_.end() && !failed->second.finish;
  if (!ours) {
    SR_ASSIGN_OR_RETURN(inventory, parts_.token.TakeInventory());
  }
  SR_RETURN_IF_ERROR(
      Settle(turn, unfinished, ours ? nullptr : &inventory, nullptr));
  unsettled_.erase(unfinished);
  return OkStatus();
}

void Recovery::Retry(const Turn& turn) {
  SweepIfDue(turn);
  const SteadyTime now = parts_.clock.Steady();
  std::vector<Uuid> due;
  bool finish = false;
  for (const auto& [id, what] : unsettled_) {
    if (what.not_before > now) continue;
    due.push_back(id);
    finish = finish || what.finish;
  }
  if (due.empty()) return;
  StatusOr<Inventory> inventory = Inventory();
  if (finish) inventory = parts_.token.TakeInventory();
  for (const Uuid& id : due) {
    Unsettled& what = unsettled_[id];
    Status status = inventory.status();
    if (status.ok()) {
      status = Settle(turn, id, what.finish ? &*inventory : nullptr, nullptr);
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
