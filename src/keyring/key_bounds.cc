#include "keyring/key_bounds.h"

#include <string>
#include <string_view>

namespace strongroom::keyring {
namespace {

constexpr int64_t kYear = int64_t{365} * 86400;
constexpr int64_t kMinRotationPeriod = 3600;
constexpr int64_t kMaxRotationPeriod = 100 * kYear;
constexpr int64_t kMaxDestroyAfter = 10 * kYear;

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

Status CheckRotationPeriod(int64_t seconds) {
  if (seconds == 0) return OkStatus();
  return CheckRange("the rotation period", seconds, kMinRotationPeriod,
                    kMaxRotationPeriod, " s", "0 (not by time), or ");
}

Status CheckRetireAfter(int64_t seconds) {
  if (seconds == 0) return OkStatus();
  return CheckRange("the time to retirement", seconds, kMinRotationPeriod,
                    kMaxRotationPeriod, " s", "0 (versions stay), or ");
}

Status CheckDestroyAfter(int64_t seconds) {
  return CheckRange("the delay of destruction", seconds, 0, kMaxDestroyAfter,
                    " s");
}

Status CheckPolicy(const batching::BatchPolicy& policy) {
  SR_RETURN_IF_ERROR(CheckRange("max_items", policy.max_items, 1,
                                batching::kMaxBatchItems, ""));
  return CheckRange("max_age", policy.max_age.count(), 0,
                    batching::kMaxBatchAge.count(), " ms");
}

}  // namespace

Status ValidateNewKey(const NewKey& key) {
  SR_RETURN_IF_ERROR(ValidateLabels(key.labels));
  SR_RETURN_IF_ERROR(CheckRotationPeriod(key.rotation_period_s));
  SR_RETURN_IF_ERROR(CheckRetireAfter(key.retire_after_s));
  SR_RETURN_IF_ERROR(CheckPolicy(key.policy));
  return CheckDestroyAfter(key.destroy_after_s);
}

Status ValidateChange(const KeyChange& change) {
  if (change.labels) SR_RETURN_IF_ERROR(ValidateLabels(*change.labels));
  if (change.rotation_period_s) {
    SR_RETURN_IF_ERROR(CheckRotationPeriod(*change.rotation_period_s));
  }
  if (change.retire_after_s) {
    SR_RETURN_IF_ERROR(CheckRetireAfter(*change.retire_after_s));
  }
  if (change.policy) SR_RETURN_IF_ERROR(CheckPolicy(*change.policy));
  if (change.destroy_after_s) {
    SR_RETURN_IF_ERROR(CheckDestroyAfter(*change.destroy_after_s));
  }
  return OkStatus();
}

}  // namespace strongroom::keyring
