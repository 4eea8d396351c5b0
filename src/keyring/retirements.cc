#include "keyring/retirements.h"

#include <algorithm>
#include <string>

#include "keyring/dependents.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/base/log.h"

namespace strongroom::keyring {
namespace {

// A destruction that nobody asked for leaves at least a day to notice it.
constexpr int64_t kMinNotice = 86400;
// How often a version is looked at that has to wait for its DEKs to be moved.
constexpr std::chrono::seconds kLookAgain{30};

}  // namespace

void Retirements::RunOne(WallTime now) {
  std::shared_ptr<const Key> key;
  uint32_t number = 0;
  {
    const Turn turn(parts_.turns);
    const SteadyTime steady = parts_.clock.Steady();
    std::erase_if(later_,
                  [&](const auto& entry) { return entry.second <= steady; });
    const std::shared_ptr<const View> view = parts_.catalogue.Get();
    for (const auto& [name, one] : view->snapshot->keys()) {
      for (const Version& version : one->versions) {
        if (!version.retire_time || *version.retire_time > now ||
            later_.contains({one->id, version.number})) {
          continue;
        }
        key = one;
        number = version.number;
        break;
      }
      if (key != nullptr) break;
    }
    if (key == nullptr) return;
    // Whatever comes of it, the next one has its turn.
    later_[{key->id, number}] = steady + kLookAgain;
  }
  const Status retired = Retire(*key, number, now);
  const std::string what = key->name + " v" + std::to_string(number);
  if (retired.ok()) {
    log::Info("retired a version whose time is over", {{"version", what}});
  } else if (ReasonOf(retired) == Reason::kDeksOutstanding) {
    log::Info("a version that is due to retire waits for its DEKs to be moved",
              {{"version", what}});
  } else {
    log::Error("a version is due to retire and could not be",
               {{"version", what}, {"error", retired}});
  }
}

bool Retirements::Waits(const Turn&, const Uuid& key_id,
                        uint32_t version) const {
  return later_.contains({key_id, version});
}

Status Retirements::Retire(const Key& key, uint32_t number, WallTime now) {
  // Nothing is said to begin that has to wait.
  SR_RETURN_IF_ERROR(
      parts_.store.Read([&](store::ReadTransaction& t) -> Status {
        SR_ASSIGN_OR_RETURN(const KeyRows rows, ReadRows(t, key.id));
        return CheckNothingDepends(t, rows.key, number);
      }));
  Event event{.kind = Event::Kind::kRetirement,
              .done = false,
              .key = key.name,
              .version = number,
              .outcome = OkStatus()};
  SR_RETURN_IF_ERROR(parts_.Tell(event));
  Changes::KeyResult result;
  {
    const Turn turn(parts_.turns);
    CrashPoint("retire/begin");
    result = changes_.ChangeRows(turn, key.id,
                                 [&](store::Transaction& t, KeyRows& rows) {
                                   return RetireRow(t, rows, number, now);
                                 });
    CrashPoint("retire/published");
  }
  parts_.EndWindows(key.id);
  event.done = true;
  event.outcome = result.status();
  if (const Status told = parts_.Tell(event); !told.ok()) {
    log::Error("the end of a retirement is not in the audit log",
               {{"key", event.key}, {"error", told}});
  }
  SR_RETURN_IF_ERROR(result.status());
  return uses_.AwaitEnd(key.id, number);
}

Status Retirements::RetireRow(store::Transaction& t, const KeyRows& rows,
                              uint32_t number, WallTime now) {
  const store::VersionRow* found = rows.Find(number);
  if (found == nullptr || found->state != VersionState::kEnabled ||
      found->retired || number >= rows.key.primary_version ||
      rows.key.retire_after_s == 0) {
    return Error(Reason::kConflict, "key version " + rows.key.name + " v" +
                                        std::to_string(number) +
                                        " is not due to retire any more");
  }
  SR_RETURN_IF_ERROR(CheckNothingDepends(t, rows.key, number));
  store::VersionRow row = *found;
  row.retired = true;
  row.state = VersionState::kDisabled;
  if (rows.key.always_required) {
    const Status free = CheckNothingUnregistered(
        t, rows.key, number, usage_.LiveTracesOf(row.key_id, number));
    if (free.ok()) {
      row.state = VersionState::kDestroyScheduled;
      row.destroy_time = now + std::chrono::seconds(std::max(
                                   rows.key.destroy_after_s, kMinNotice));
    } else if (ReasonOf(free) != Reason::kUnregisteredWraps) {
      return free;
    }
  }
  return t.UpdateVersion(row);
}

}  // namespace strongroom::keyring
