// SqlJobs: the rows of rewrap jobs.
#pragma once

#include "store/sql/connection.h"
#include "strongroom/store/jobs.h"

namespace strongroom::store {

// As SqlTransaction, of which it is a part.
class SqlJobs final : public JobWrites {
 public:
  explicit SqlJobs(Connection& db) : db_(db) {}

  StatusOr<std::optional<JobRow>> GetJob(const Uuid& id) override;
  StatusOr<std::vector<JobRow>> JobsOf(const Uuid& key_id,
                                       size_t limit) override;
  StatusOr<std::vector<JobRow>> OpenJobs() override;
  StatusOr<std::vector<JobFailureRow>> JobFailures(const Uuid& job_id,
                                                   size_t limit) override;
  StatusOr<std::vector<Uuid>> FailedOf(
      const Uuid& job_id, std::span<const Uuid> batch_ids) override;
  StatusOr<std::optional<JobReportRow>> GetJobReport(
      const Uuid& job_id) override;

  Status PutJob(const JobRow& row) override;
  Status InsertJobFailures(std::span<const JobFailureRow> rows) override;
  Status PutJobReport(const JobReportRow& row) override;

 private:
  Connection& db_;
};

}  // namespace strongroom::store
