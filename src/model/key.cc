#include "strongroom/model/key.h"

#include <algorithm>

namespace strongroom::model {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr seconds kYear = hours(365 * 24);
constexpr seconds kMinPeriod = hours(1);
constexpr seconds kMaxPeriod = 100 * kYear;
constexpr seconds kMaxDestroyAfter = 10 * kYear;

Status CheckRange(std::string_view what, int64_t found, int64_t min,
                  int64_t max, std::string_view unit,
                  std::string_view also = "") {
  if (found >= min && found <= max) return OkStatus();
  return Error(Reason::kArgumentInvalid,
               std::string(what) + " is " + std::to_string(found) +
                   std::string(unit) + "; want " + std::string(also) +
                   std::to_string(min) + " to " + std::to_string(max) +
                   std::string(unit));
}

Status CheckPeriod(std::string_view what, seconds period,
                   std::string_view zero) {
  if (period.count() == 0) return OkStatus();
  return CheckRange(what, period.count(), kMinPeriod.count(),
                    kMaxPeriod.count(), " s", zero);
}

}  // namespace

std::string_view StateName(VersionState state) {
  switch (state) {
    case VersionState::kPending:
      return "PENDING";
    case VersionState::kEnabled:
      return "ENABLED";
    case VersionState::kDisabled:
      return "DISABLED";
    case VersionState::kDestroyScheduled:
      return "DESTROY_SCHEDULED";
    case VersionState::kDestroyed:
      return "DESTROYED";
  }
  return "UNKNOWN";
}

std::string_view RuleName(RegistrationRule rule) {
  switch (rule) {
    case RegistrationRule::kOptional:
      return "OPTIONAL";
    case RegistrationRule::kRequired:
      return "REQUIRED";
    case RegistrationRule::kOff:
      return "OFF";
  }
  return "UNKNOWN";
}

Status Validate(const KeySettings& settings) {
  SR_RETURN_IF_ERROR(ValidateLabels(settings.labels));
  SR_RETURN_IF_ERROR(CheckPeriod(
      "the rotation period", settings.rotation_period, "0 (not by time), or "));
  SR_RETURN_IF_ERROR(CheckPeriod("the time to retirement",
                                 settings.retire_after,
                                 "0 (versions stay), or "));
  SR_RETURN_IF_ERROR(
      CheckRange("max_items", settings.batch.max_items, 1, kMaxBatchItems, ""));
  SR_RETURN_IF_ERROR(CheckRange("max_age", settings.batch.max_age.count(), 0,
                                kMaxBatchAge.count(), " ms"));
  return CheckRange("the delay of destruction", settings.destroy_after.count(),
                    0, kMaxDestroyAfter.count(), " s");
}

KeySettings Changed(KeySettings settings, const KeyChange& change) {
  auto apply = [](const auto& from, auto* to) {
    if (from) *to = *from;
  };
  apply(change.labels, &settings.labels);
  apply(change.rotation_period, &settings.rotation_period);
  apply(change.batch, &settings.batch);
  apply(change.destroy_after, &settings.destroy_after);
  apply(change.registration, &settings.registration);
  apply(change.rewrap_on_rotation, &settings.rewrap_on_rotation);
  apply(change.retire_after, &settings.retire_after);
  return settings;
}

const Version* Key::Find(uint32_t number) const {
  auto found = std::ranges::lower_bound(versions, number, {}, &Version::number);
  if (found == versions.end() || found->number != number) return nullptr;
  return &*found;
}

}  // namespace strongroom::model
