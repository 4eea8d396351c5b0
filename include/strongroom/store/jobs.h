// Rewrap jobs as rows.
// Thread rule: as the transaction that gives them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "strongroom/model/job.h"

namespace strongroom::store {

using model::JobState;

// JobRow is a rewrap job: it moves a key's batches to the primary.
struct JobRow {
  Uuid id;
  Uuid key_id;
  JobState state = JobState::kRunning;
  std::vector<uint32_t> from;  // versions to empty; none: all below the primary
  uint32_t batches_per_second = 0;  // at most; 0: no limit
  uint32_t min_share = 0;  // percent of the token operations; 0: not its own
  std::string created_by;
  WallTime created{};
  WallTime updated{};   // its newest progress
  WallTime finished{};  // meaningful if it is
  // What was under those versions when it began. More may have come since.
  uint64_t batches_total = 0;
  uint64_t deks_total = 0;
  uint64_t batches_moved = 0;
  uint64_t deks_moved = 0;
  uint64_t failures = 0;  // rows of JobFailureRow
  std::string waits_for;  // what keeps it from going on now, or empty
  friend bool operator==(const JobRow&, const JobRow&) = default;
};

struct JobFailureRow {
  Uuid job_id;
  Uuid batch_id;
  std::string reason;
  std::string message;
  friend bool operator==(const JobFailureRow&, const JobFailureRow&) = default;
};

// JobReportRow is what a job writes down for its report while it moves batches
// (registry/job_report.h).
struct JobReportRow {
  Uuid job_id;
  std::vector<uint32_t> from;  // versions that it moved batches from, and to
  std::vector<uint32_t> to;
  Bytes before;  // the digests of the leaves
  Bytes after;
  std::string document;  // the signed report; empty until it was made
  friend bool operator==(const JobReportRow&, const JobReportRow&) = default;
};

class JobReads {
 public:
  virtual ~JobReads() = default;
  virtual StatusOr<std::optional<JobRow>> GetJob(const Uuid& id) = 0;
  // JobsOf gives a key's jobs, the newest first; OpenJobs those of all keys
  // that are kRunning or kPaused, the oldest first.
  virtual StatusOr<std::vector<JobRow>> JobsOf(const Uuid& key_id,
                                               size_t limit) = 0;
  virtual StatusOr<std::vector<JobRow>> OpenJobs() = 0;
  virtual StatusOr<std::vector<JobFailureRow>> JobFailures(const Uuid& job_id,
                                                           size_t limit) = 0;
  // FailedOf gives those of the batches that have a failure in the job.
  virtual StatusOr<std::vector<Uuid>> FailedOf(
      const Uuid& job_id, std::span<const Uuid> batch_ids) = 0;
  virtual StatusOr<std::optional<JobReportRow>> GetJobReport(
      const Uuid& job_id) = 0;
};

class JobWrites : public JobReads {
 public:
  virtual Status PutJob(const JobRow& row) = 0;  // makes or replaces it
  // InsertJobFailures: CONFLICT if a batch has one in its job.
  virtual Status InsertJobFailures(std::span<const JobFailureRow> rows) = 0;
  Status InsertJobFailure(const JobFailureRow& row) {
    return InsertJobFailures({&row, 1});
  }
  // PutJobReport makes or replaces it.
  virtual Status PutJobReport(const JobReportRow& row) = 0;
};

}  // namespace strongroom::store
