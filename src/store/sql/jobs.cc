#include "store/sql/jobs.h"

#include "store/dek_codec.h"

namespace strongroom::store {
namespace {

#define STRONGROOM_JOB_COLUMNS                                         \
  "id, key_id, state, from_versions, batches_per_second, created_by, " \
  "created_us, updated_us, finished_us, batches_total, deks_total, "   \
  "batches_moved, deks_moved, failures, waits_for, min_share"

StatusOr<JobRow> ReadJob(const Row& row) {
  JobRow job;
  SR_ASSIGN_OR_RETURN(job.id, row.Id(0));
  SR_ASSIGN_OR_RETURN(job.key_id, row.Id(1));
  const int64_t state = row.Int(2);
  if (state < 1 || state > 5) return CorruptRow("state");
  job.state = static_cast<JobState>(state);
  SR_ASSIGN_OR_RETURN(job.from, DecodeVersions(row.BlobView(3)));
  job.batches_per_second = row.U32(4);
  job.created_by = row.Text(5);
  job.created = row.Time(6);
  job.updated = row.Time(7);
  job.finished = row.Time(8);
  job.batches_total = row.U64(9);
  job.deks_total = row.U64(10);
  job.batches_moved = row.U64(11);
  job.deks_moved = row.U64(12);
  job.failures = row.U64(13);
  job.waits_for = row.Text(14);
  job.min_share = row.U32(15);
  return job;
}

}  // namespace

StatusOr<std::optional<JobRow>> SqlJobs::GetJob(const Uuid& id) {
  return db_.One("SELECT " STRONGROOM_JOB_COLUMNS " FROM jobs WHERE id = ?",
                 ReadJob, id);
}

StatusOr<std::vector<JobRow>> SqlJobs::JobsOf(const Uuid& key_id,
                                              size_t limit) {
  return db_.All("SELECT " STRONGROOM_JOB_COLUMNS
                 " FROM jobs WHERE key_id = ? ORDER BY created_us DESC LIMIT ?",
                 ReadJob, key_id, limit);
}

StatusOr<std::vector<JobRow>> SqlJobs::OpenJobs() {
  return db_.All("SELECT " STRONGROOM_JOB_COLUMNS
                 " FROM jobs WHERE state <= 2 ORDER BY created_us",
                 ReadJob);
}

StatusOr<std::vector<JobFailureRow>> SqlJobs::JobFailures(const Uuid& job_id,
                                                          size_t limit) {
  const auto read = [&](const Row& row) -> StatusOr<JobFailureRow> {
    JobFailureRow failure{job_id, {}, row.Text(1), row.Text(2)};
    SR_ASSIGN_OR_RETURN(failure.batch_id, row.Id(0));
    return failure;
  };
  return db_.All(
      "SELECT batch_id, reason, message FROM job_failures WHERE job_id = ? "
      "ORDER BY batch_id LIMIT ?",
      read, job_id, limit);
}

StatusOr<std::vector<Uuid>> SqlJobs::FailedOf(const Uuid& job_id,
                                              std::span<const Uuid> batch_ids) {
  std::vector<Uuid> failed;
  for (const Uuid& id : batch_ids) {
    SR_ASSIGN_OR_RETURN(
        const bool found,
        db_.Any("SELECT 1 FROM job_failures WHERE job_id = ? AND batch_id = ?",
                job_id, id));
    if (found) failed.push_back(id);
  }
  return failed;
}

StatusOr<std::optional<JobReportRow>> SqlJobs::GetJobReport(
    const Uuid& job_id) {
  const auto read = [&](const Row& row) -> StatusOr<JobReportRow> {
    JobReportRow report;
    report.job_id = job_id;
    SR_ASSIGN_OR_RETURN(report.from, DecodeVersions(row.BlobView(0)));
    SR_ASSIGN_OR_RETURN(report.to, DecodeVersions(row.BlobView(1)));
    report.before = row.Blob(2);
    report.after = row.Blob(3);
    report.document = row.Text(4);
    return report;
  };
  return db_.One(
      "SELECT from_versions, to_versions, leaves_before, leaves_after, "
      "document FROM job_reports WHERE job_id = ?",
      read, job_id);
}

Status SqlJobs::PutJob(const JobRow& row) {
  return db_.Run(
      "INSERT INTO jobs(" STRONGROOM_JOB_COLUMNS
      ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON "
      "CONFLICT(id) DO UPDATE SET state = excluded.state, from_versions = "
      "excluded.from_versions, batches_per_second = "
      "excluded.batches_per_second, updated_us = excluded.updated_us, "
      "finished_us = excluded.finished_us, batches_total = "
      "excluded.batches_total, deks_total = excluded.deks_total, "
      "batches_moved = excluded.batches_moved, deks_moved = "
      "excluded.deks_moved, failures = excluded.failures, waits_for = "
      "excluded.waits_for, min_share = excluded.min_share",
      row.id, row.key_id, row.state, EncodeVersions(row.from),
      row.batches_per_second, row.created_by, row.created, row.updated,
      row.finished, row.batches_total, row.deks_total, row.batches_moved,
      row.deks_moved, row.failures, row.waits_for, row.min_share);
}

Status SqlJobs::InsertJobFailures(std::span<const JobFailureRow> rows) {
  for (const JobFailureRow& row : rows) {
    SR_ASSIGN_OR_RETURN(
        const int64_t changed,
        db_.Change(
            "INSERT INTO job_failures(job_id, batch_id, reason, message) "
            "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            row.job_id, row.batch_id, row.reason, row.message));
    if (changed != 1) return JobFailureExists(row);
  }
  return OkStatus();
}

Status SqlJobs::PutJobReport(const JobReportRow& row) {
  return db_.Run(
      "INSERT INTO job_reports(job_id, from_versions, to_versions, "
      "leaves_before, leaves_after, document) VALUES (?, ?, ?, ?, ?, ?) ON "
      "CONFLICT(job_id) DO UPDATE SET from_versions = excluded.from_versions, "
      "to_versions = excluded.to_versions, leaves_before = "
      "excluded.leaves_before, leaves_after = excluded.leaves_after, document "
      "= excluded.document",
      row.job_id, EncodeVersions(row.from), EncodeVersions(row.to), row.before,
      row.after, row.document);
}

}  // namespace strongroom::store
