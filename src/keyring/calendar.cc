#include "keyring/calendar.h"

#include <algorithm>
#include <string>
#include <vector>

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

WallTime Calendar::RunDue() {
  {
    const Turn turn(parts_.turns);
    hands_.recovery.Retry(turn);
    ReanchorTimers(turn, parts_.clock.Now());
  }
  RotateOne(parts_.clock.Now());
  hands_.retirements.RunOne(parts_.clock.Now());
  DestroyOne(parts_.clock.Now());
  hands_.ledger.TopUp();
  hands_.ledger.Show();
  hands_.usage.FlushNowAndThen();
  return NextDue(parts_.clock.Now());
}

void Calendar::ReanchorTimers(const Turn&, WallTime now) {
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  std::vector<Uuid> wrong;
  for (const auto& [id, live] : view->keys) {
    if (TimerIsTooFar(*live->key, now)) wrong.push_back(id);
  }
  if (wrong.empty()) return;
  log::Warning("the clock was set back: rotations are timed anew",
               {{"keys", wrong.size()}});
  std::vector<KeyRows> after;
  Status status =
      parts_.store.UpdateInOrder([&](store::Transaction& t) -> Status {
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
  if (status.ok()) status = parts_.catalogue.Republish(std::move(after));
  if (!status.ok()) {
    log::Warning("rotations could not be timed anew", {{"error", status}});
  }
}

void Calendar::RotateOne(WallTime now) {
  std::shared_ptr<const Key> due;
  {
    const Turn turn(parts_.turns);
    const std::shared_ptr<const View> view = parts_.catalogue.Get();
    for (const auto& [name, key] : view->snapshot->keys()) {
      if (WhenToRotate(*view->Find(key->id), now) > now) continue;
      if (!MayTryNow(turn, key->id)) continue;
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
  const Status begun = parts_.Tell(event);
  Changes::KeyResult rotated =
      begun.ok() ? hands_.changes.Rotate(due->id, due->primary)
                 : Changes::KeyResult(begun);
  if (begun.ok()) {
    event.done = true;
    event.outcome = rotated.status();
    const Status told = parts_.Tell(event);
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
  const Turn turn(parts_.turns);
  TryLater(turn, due->id);
}

void Calendar::DestroyOne(WallTime now) {
  const Turn turn(parts_.turns);
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  for (const auto& [name, key] : view->snapshot->keys()) {
    for (const Version& version : key->versions) {
      if (version.state != VersionState::kDestroyScheduled ||
          version.destroy_time > now ||
          !hands_.grace.MayDestroy(turn, *key, version) ||
          !MayTryNow(turn, key->id)) {
        continue;
      }
      const std::string what = name + " v" + std::to_string(version.number);
      Status status = parts_.Tell({.kind = Event::Kind::kDestruction,
                                   .done = false,
                                   .key = name,
                                   .version = version.number,
                                   .outcome = OkStatus()});
      if (status.ok()) {
        status = hands_.destructions.Begin(turn, key->id, version.number, now);
      }
      if (status.ok()) {
        log::Info("destroyed a KEK as scheduled", {{"version", what}});
      } else {
        log::Error("a KEK is due and could not be destroyed",
                   {{"version", what}, {"error", status}});
        TryLater(turn, key->id);
        hands_.recovery.AfterFailure(turn, key->id);
      }
      return;
    }
  }
}

bool Calendar::MayTryNow(const Turn&, const Uuid& id) const {
  auto found = not_before_.find(id);
  return found == not_before_.end() || found->second <= parts_.clock.Steady();
}

void Calendar::TryLater(const Turn&, const Uuid& id) {
  not_before_[id] = parts_.clock.Steady() + kRetryAfter;
}

WallTime Calendar::NextDue(WallTime now) {
  const Turn turn(parts_.turns);
  std::erase_if(not_before_, [this](const auto& entry) {
    return entry.second <= parts_.clock.Steady();
  });
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  WallTime next = now + kAtMost;
  for (const auto& [id, live] : view->keys) {
    WallTime due = WhenToRotate(*live, now);
    for (const Version& version : live->key->versions) {
      if (version.state == VersionState::kDestroyScheduled &&
          hands_.grace.MayDestroy(turn, *live->key, version)) {
        due = std::min(due, version.destroy_time);
      }
      if (version.retire_time &&
          !hands_.retirements.Waits(turn, id, version.number)) {
        due = std::min(due, *version.retire_time);
      }
    }
    if (not_before_.contains(id)) due = std::max(due, now + kRetryAfter);
    next = std::min(next, due);
  }
  if (hands_.recovery.HasUnsettled(turn))
    next = std::min(next, now + kRetryAfter);
  return std::max(next, now + kPace);
}

}  // namespace strongroom::keyring
