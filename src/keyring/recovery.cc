#include "keyring/recovery.h"

#include <algorithm>

#include "strongroom/base/crash_points.h"
#include "strongroom/base/log.h"

namespace strongroom::keyring {
namespace {

constexpr std::chrono::seconds kRetryAfter{10};

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

// A token that dies while it generates can leave an object with all that was
// asked for but its value. Both signs are wanted: what seals is no remnant, and
// what a healthy token generated is not destroyed for a bad moment.
bool IsRemnant(const hsm::TokenObject& object, const Status& sealing) {
  return !object.local && ReasonOf(sealing) == Reason::kHsmUnexpected;
}

}  // namespace

void Recovery::SettleAtStart(const Turn& turn, const std::vector<KeyRows>& rows,
                             const Inventory& inventory,
                             RecoveryReport* report) {
  for (const KeyRows& key : rows) {
    if (FindUnfinished(key) == nullptr) continue;
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
    const store::VersionRow* unfinished = FindUnfinished(*rows);
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
            if (one.kek_id == unfinished->kek_id && IsUnfinished(one))
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
      if (!IsRemnant(object->second, resumed)) return resumed;
      log::Warning("the token never finished a KEK: it is taken back",
                   {{"label", object->second.label}, {"error", resumed}});
    }
  }
  SR_RETURN_IF_ERROR(TakeBack(lease, row));
  ++count.removed;
  return OkStatus();
}

Status Recovery::TakeBack(const store::Lease& lease,
                          const store::VersionRow& row) {
  CrashPoint("take-back/begin");
  SR_RETURN_IF_ERROR(parts_.token.Destroy(row));
  CrashPoint("take-back/object");
  const Status stored =
      parts_.store.UpdateInOrder([&](store::Transaction& t) -> Status {
        SR_RETURN_IF_ERROR(t.CheckLease(lease));
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
