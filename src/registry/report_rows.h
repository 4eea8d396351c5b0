// What a rewrap job writes down for its report.
#pragma once

#include <string>

#include "strongroom/registry/job_report.h"

namespace strongroom::registry {

// DigestLeaves gives SHA-256(leaf*) of a batch as it is now.
StatusOr<Bytes> DigestLeaves(store::RegisteredReads& rows,
                             const Uuid& batch_id);
// LeavesChanged is the failure of a batch whose leaves are not what they were.
Status LeavesChanged(const Uuid& batch_id);

// MovedLeaves is one batch that was moved.
struct MovedLeaves {
  Uuid batch_id;
  uint32_t from = 0;
  uint32_t to = 0;
  Bytes before;  // of DigestLeaves
  Bytes after;
};
// ReportRowOf gives what was written down so far.
StatusOr<store::JobReportRow> ReportRowOf(store::RegisteredReads& rows,
                                          const Uuid& job_id);
// AddToReport chains it to the digests of the row.
void AddToReport(const MovedLeaves& moved, store::JobReportRow* row);

// ReportPayload is the report of a finished job, JSON.
StatusOr<std::string> ReportPayload(store::ReadTransaction& t,
                                    const Uuid& installation,
                                    const store::JobRow& job);

}  // namespace strongroom::registry
