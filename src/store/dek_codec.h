// What every Store checks and says about registered rows.
#pragma once

#include "strongroom/base/status.h"
#include "strongroom/store/deks.h"
#include "strongroom/store/jobs.h"

namespace strongroom::store {

// ARGUMENT_INVALID.
Status ValidateRow(const DekRow& row);

Status BatchExists(const Uuid& batch_id);
Status BatchMissing(const Uuid& batch_id);
Status BatchHasDeks(const Uuid& batch_id);
Status DekExists(const DekId& id);
Status DekMissing(const DekId& id);
Status TombstoneExists(const DekId& id);
Status JobFailureExists(const JobFailureRow& row);

// Versions as bytes: one u32 after another.
Bytes EncodeVersions(const std::vector<uint32_t>& versions);
StatusOr<std::vector<uint32_t>> DecodeVersions(ByteView bytes);

// The ids of a registration as bytes: batch_id(16) index(u32), one after
// another. Decode is STORE_CORRUPT for bytes that Encode cannot have made.
Bytes EncodeIds(const std::vector<DekId>& ids);
StatusOr<std::vector<DekId>> DecodeIds(ByteView bytes);

}  // namespace strongroom::store
