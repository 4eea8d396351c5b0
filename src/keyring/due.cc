// What time, or the number of seals, asks for.
#include <algorithm>

#include "keyring/dependents.h"
#include "keyring/keyring_impl.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/base/log.h"

namespace strongroom::keyring {
namespace {

// Seals do not announce themselves: the ledgers are looked at this often.
constexpr std::chrono::seconds kAtMost{30};
// Between two changes on the token, so that its other work goes on.
constexpr std::chrono::milliseconds kPace{100};
constexpr std::chrono::seconds kRetryAfter{10};
// A clock that is set back by less is not worth a change.
constexpr std::chrono::hours kClockSlack{1};

std::chrono::seconds PeriodOf(const Key& key) {
  return key.settings.rotation_period;
}

// WhenToRotate is WallTime::max() if nothing asks for it.
WallTime WhenToRotate(const LiveKey& live, WallTime now) {
  const Key& key = *live.key;
  if (live.Find(key.primary)->ledger.Counted() >= kRotateAtSeals) return now;
  return key.settings.rotation_period.count() == 0 ? WallTime::max()
                                                   : key.next_rotation;
}

bool TimerIsTooFar(const Key& key, WallTime now) {
  return key.settings.rotation_period.count() > 0 &&
         key.next_rotation > now + PeriodOf(key) + kClockSlack;
}

}  // namespace

WallTime KeyringImpl::RunDue() {
  {
    MutexLock lock(changes_);
    RetryUnsettled();
    ReanchorTimers(clock_.Now());
  }
  RotateOneDue(clock_.Now());
  RetireOneDue(clock_.Now());
  DestroyOneDue(clock_.Now());
  TopUpLedgers();
  ShowLedgers();
  FlushUsesNowAndThen();
  return NextDue(clock_.Now());
}

void KeyringImpl::ReanchorTimers(WallTime now) {
  const std::shared_ptr<const View> view = live_.Get();
  std::vector<Uuid> wrong;
  for (const auto& [id, live] : view->keys) {
    if (TimerIsTooFar(*live->key, now)) wrong.push_back(id);
  }
  if (wrong.empty()) return;
  log::Warning("the clock was set back: rotations are timed anew",
               {{"keys", wrong.size()}});
  std::vector<KeyRows> after;
  Status status = store_.Update([&](store::Transaction& t) -> Status {
    after.clear();
    SR_RETURN_IF_ERROR(t.BumpChangeSeq());
    for (const Uuid& id : wrong) {
      SR_ASSIGN_OR_RETURN(KeyRows rows, ReadRows(t, id));
      rows.key.next_rotation =
          now + std::chrono::seconds(rows.key.rotation_period_s);
      SR_RETURN_IF_ERROR(t.UpdateKey(rows.key));
      after.push_back(std::move(rows));
    }
    return OkStatus();
  });
  if (status.ok()) status = Publish(std::move(after));
  if (!status.ok()) {
    log::Warning("rotations could not be timed anew", {{"error", status}});
  }
}

void KeyringImpl::RotateOneDue(WallTime now) {
  std::shared_ptr<const Key> due;
  {
    MutexLock lock(changes_);
    const std::shared_ptr<const View> view = live_.Get();
    for (const auto& [name, key] : view->snapshot->keys()) {
      if (WhenToRotate(*view->Find(key->id), now) > now) continue;
      if (!MayTryNow(key->id)) continue;
      due = key;
      break;
    }
  }
  if (due == nullptr) return;
  Event event{.kind = Event::Kind::kRotation,
              .done = false,
              .key = due->name,
              .version = due->primary,
              .outcome = OkStatus()};
  const Status begun = Tell(event);
  KeyResult rotated =
      begun.ok() ? RotateIf(due->id, due->primary) : KeyResult(begun);
  if (begun.ok()) {
    event.done = true;
    event.outcome = rotated.status();
    const Status told = Tell(event);
    if (!told.ok()) {
      log::Error("the end of a rotation is not in the audit log",
                 {{"key", event.key}, {"error", told}});
    }
  }
  if (rotated.ok()) {
    log::Info("rotated a key that was due",
              {{"key", due->name}, {"primary", (*rotated)->primary}});
    return;
  }
  log::Error("a key is due and could not be rotated",
             {{"key", due->name}, {"error", rotated.status()}});
  MutexLock lock(changes_);
  TryLater(due->id);
}

void KeyringImpl::DestroyOneDue(WallTime now) {
  MutexLock lock(changes_);
  const std::shared_ptr<const View> view = live_.Get();
  for (const auto& [name, key] : view->snapshot->keys()) {
    for (const Version& version : key->versions) {
      if (version.state != VersionState::kDestroyScheduled ||
          version.destroy_time > now || !MayDestroy(*key, version) ||
          !MayTryNow(key->id)) {
        continue;
      }
      const std::string what = name + " v" + std::to_string(version.number);
      Status status = Tell({.kind = Event::Kind::kDestruction,
                            .done = false,
                            .key = name,
                            .version = version.number,
                            .outcome = OkStatus()});
      if (status.ok()) {
        status = BeginDestruction(key->id, version.number, now);
      }
      if (status.ok()) {
        log::Info("destroyed a KEK as scheduled", {{"version", what}});
      } else {
        log::Error("a KEK is due and could not be destroyed",
                   {{"version", what}, {"error", status}});
        TryLater(key->id);
        SettleAfterFailure(key->id);
      }
      return;
    }
  }
}

bool KeyringImpl::MayDestroy(const Key& key, const Version& version) const {
  if (version.destruction_held) return false;
  return !in_grace_.contains({key.id, version.number}) ||
         clock_.Steady() >= grace_ends_;
}

Status KeyringImpl::Tell(const Event& event) const {
  return options_.record ? options_.record(event) : OkStatus();
}

// The mark is what makes a destruction that has begun final: from here on the
// object may be gone, so nobody may cancel any more.
Status KeyringImpl::BeginDestruction(const Uuid& id, uint32_t version,
                                     WallTime now) {
  CrashPoint("destroy/begin");
  KeyRows before;
  SR_RETURN_IF_ERROR(store_.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(before, ReadRows(t, id));
    return OkStatus();
  }));
  SR_RETURN_IF_ERROR(ProveToken(before));
  store::Lease lease;
  store::VersionRow row;
  const Status marked = store_.Update([&](store::Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const KeyRows rows, ReadRows(t, id));
    const store::VersionRow* stored = rows.Find(version);
    if (stored == nullptr || stored->state != VersionState::kDestroyScheduled ||
        stored->destroy_time > now || stored->held) {
      return Error(Reason::kConflict,
                   "key version " + rows.key.name + " v" +
                       std::to_string(version) +
                       " is not due for destruction any more");
    }
    SR_RETURN_IF_ERROR(CheckNothingDepends(t, rows.key, version));
    SR_ASSIGN_OR_RETURN(lease, TakeLease(t, id));
    row = *stored;
    row.destroying = true;
    SR_RETURN_IF_ERROR(t.UpdateVersion(row));
    return t.BumpChangeSeq();
  });
  if (!marked.ok()) return marked;
  return Destroy(lease, row);
}

bool KeyringImpl::MayTryNow(const Uuid& id) const {
  auto found = not_before_.find(id);
  return found == not_before_.end() || found->second <= clock_.Steady();
}

void KeyringImpl::TryLater(const Uuid& id) {
  not_before_[id] = clock_.Steady() + kRetryAfter;
}

WallTime KeyringImpl::NextDue(WallTime now) {
  MutexLock lock(changes_);
  std::erase_if(not_before_, [this](const auto& entry) {
    return entry.second <= clock_.Steady();
  });
  const std::shared_ptr<const View> view = live_.Get();
  WallTime next = now + kAtMost;
  for (const auto& [id, live] : view->keys) {
    WallTime due = WhenToRotate(*live, now);
    for (const Version& version : live->key->versions) {
      if (version.state == VersionState::kDestroyScheduled &&
          MayDestroy(*live->key, version)) {
        due = std::min(due, version.destroy_time);
      }
      if (version.retire_time &&
          !retire_later_.contains({id, version.number})) {
        due = std::min(due, *version.retire_time);
      }
    }
    if (not_before_.contains(id)) due = std::max(due, now + kRetryAfter);
    next = std::min(next, due);
  }
  if (!unsettled_.empty()) next = std::min(next, now + kRetryAfter);
  return std::max(next, now + kPace);
}

}  // namespace strongroom::keyring
