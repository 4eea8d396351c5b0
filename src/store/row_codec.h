// How rows' fields stand in columns.
#pragma once

#include <string>
#include <string_view>

#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "strongroom/store/store.h"

namespace strongroom::store {

// Labels as text: "key=value" lines in the order of keys. Neither '=' nor a
// line feed can be in a label (names.h).
std::string EncodeLabels(const Labels& labels);
// STORE_CORRUPT if EncodeLabels cannot have written it.
StatusOr<Labels> DecodeLabels(std::string_view text);

inline int64_t EncodeTime(WallTime time) {
  return time.time_since_epoch().count();
}
inline WallTime DecodeTime(int64_t microseconds) {
  return WallTime(std::chrono::microseconds(microseconds));
}

// What every Store checks before it writes a row. ARGUMENT_INVALID.
Status ValidateRow(const KeyRow& row);
Status ValidateRow(const VersionRow& row);

// The failures of a Transaction, worded once for every Store.
Status KeyExists(const KeyRow& row);
Status KeyMissing(const Uuid& id);
Status KeyHasVersions(const Uuid& id);
Status VersionExists(const VersionRow& row);
Status VersionMissing(const Uuid& key_id, uint32_t version);
Status KekChanged(const VersionRow& row);
Status NotPending(const VersionRow& row);
Status LeaseTaken(const Lease& lease, std::chrono::microseconds left);
Status LeaseLost(const Lease& lease);
Status OutOfOrder();
Status CensusBelowZero(const CensusRow& row);

}  // namespace strongroom::store
