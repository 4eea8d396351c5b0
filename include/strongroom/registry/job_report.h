// The report of a rewrap job: what it moved, and that no leaf changed.
//
// What the leaves of a batch were is in its row from its registration on (or,
// if it changed since, from when a job first met it); a job reads them in the
// transaction that moves the batch, and moves only what is the same. Both
// digests are chained over the batches in the order in which they were moved:
//
//   d := SHA-256(d  batch_id(16)  SHA-256(leaf*))     from 32 zero bytes
//   leaf := index(u32)  size(u32)  bytes              in the order of indices
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/store/store.h"

namespace strongroom::registry {

// The type of a signed report (signing/dsse.h).
inline constexpr char kReportType[] =
    "application/vnd.strongroom.rewrap-report+json";

// ReportSigner gives a signed document of this type and payload; fails as the
// token does.
using ReportSigner = std::function<StatusOr<std::string>(std::string_view type,
                                                         ByteView payload)>;

}  // namespace strongroom::registry
