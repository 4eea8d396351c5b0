// MemoryJobs: the rows of store/jobs.h in a MemoryStore.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "strongroom/store/jobs.h"

namespace strongroom::testing {

struct JobsState {
  std::map<Uuid, store::JobRow> jobs;
  std::map<std::pair<Uuid, Uuid>, store::JobFailureRow> job_failures;
  std::map<Uuid, store::JobReportRow> job_reports;
};

class MemoryJobs final : public store::JobWrites {
 public:
  explicit MemoryJobs(JobsState& state) : state_(state) {}

  StatusOr<std::optional<store::JobRow>> GetJob(const Uuid& id) override;
  StatusOr<std::vector<store::JobRow>> JobsOf(const Uuid& key_id,
                                              size_t limit) override;
  StatusOr<std::vector<store::JobRow>> OpenJobs() override;
  StatusOr<std::vector<store::JobFailureRow>> JobFailures(
      const Uuid& job_id, size_t limit) override;
  StatusOr<std::vector<Uuid>> FailedOf(
      const Uuid& job_id, std::span<const Uuid> batch_ids) override;
  StatusOr<std::optional<store::JobReportRow>> GetJobReport(
      const Uuid& job_id) override;

  Status PutJob(const store::JobRow& row) override;
  Status InsertJobFailures(std::span<const store::JobFailureRow> rows) override;
  Status PutJobReport(const store::JobReportRow& row) override;

 private:
  JobsState& state_;
};

}  // namespace strongroom::testing
