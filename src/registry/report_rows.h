// What a rewrap job writes down for its report.
#pragma once

#include <array>
#include <map>
#include <span>
#include <string>

#include "strongroom/registry/job_report.h"
#include "strongroom/signing/sha256.h"

namespace strongroom::registry {

// LeafDigest is SHA-256(leaf*) of leaves that come in the order of indices.
class LeafDigest {
 public:
  void Add(uint32_t index, ByteView leaf);
  Bytes Finish();

 private:
  // Leaves are small, and a call of the digest costs more than to copy one.
  std::array<uint8_t, 8192> waiting_;
  size_t size_ = 0;
  signing::Sha256 digest_;
};

// DigestLeaves gives SHA-256(leaf*) of batches as they are now; of one without
// DEKs nothing, or of a single one the digest of no leaves.
StatusOr<std::map<Uuid, Bytes>> DigestLeaves(store::ReadTransaction& t,
                                             std::span<const Uuid> batch_ids);
StatusOr<Bytes> DigestLeaves(store::ReadTransaction& t, const Uuid& batch_id);
// LeavesChanged is the failure of a batch whose leaves are not what its row
// says of them.
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
StatusOr<store::JobReportRow> ReportRowOf(store::ReadTransaction& t,
                                          const Uuid& job_id);
// AddToReport chains it to the digests of the row.
void AddToReport(const MovedLeaves& moved, store::JobReportRow* row);

// ReportPayload is the report of a finished job, JSON.
StatusOr<std::string> ReportPayload(store::ReadTransaction& t,
                                    const Uuid& installation,
                                    const store::JobRow& job);

}  // namespace strongroom::registry
