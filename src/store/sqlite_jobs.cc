// The rows of rewrap jobs.
#include "store/registered_codec.h"
#include "store/row_codec.h"
#include "store/sqlite_columns.h"
#include "store/sqlite_registered.h"

namespace strongroom::store {
namespace {

#define STRONGROOM_JOB_COLUMNS                                         \
  "id, key_id, state, from_versions, batches_per_second, created_by, " \
  "created_us, updated_us, finished_us, batches_total, deks_total, "   \
  "batches_moved, deks_moved, failures, waits_for, min_share"

StatusOr<JobRow> ReadJob(const Statement& row) {
  JobRow job;
  SR_ASSIGN_OR_RETURN(job.id, ReadUuid(row, 0));
  SR_ASSIGN_OR_RETURN(job.key_id, ReadUuid(row, 1));
  const int64_t state = row.Int(2);
  if (state < 1 || state > 5) return CorruptRow("state");
  job.state = static_cast<JobState>(state);
  SR_ASSIGN_OR_RETURN(job.from, DecodeVersions(row.Blob(3)));
  job.batches_per_second = static_cast<uint32_t>(row.Int(4));
  job.created_by = row.Text(5);
  job.created = DecodeTime(row.Int(6));
  job.updated = DecodeTime(row.Int(7));
  job.finished = DecodeTime(row.Int(8));
  job.batches_total = static_cast<uint64_t>(row.Int(9));
  job.deks_total = static_cast<uint64_t>(row.Int(10));
  job.batches_moved = static_cast<uint64_t>(row.Int(11));
  job.deks_moved = static_cast<uint64_t>(row.Int(12));
  job.failures = static_cast<uint64_t>(row.Int(13));
  job.waits_for = row.Text(14);
  job.min_share = static_cast<uint32_t>(row.Int(15));
  return job;
}

StatusOr<std::vector<JobRow>> ReadJobs(Statement& statement) {
  std::vector<JobRow> jobs;
  for (;;) {
    SR_ASSIGN_OR_RETURN(const bool more, statement.Step());
    if (!more) return jobs;
    SR_ASSIGN_OR_RETURN(JobRow job, ReadJob(statement));
    jobs.push_back(std::move(job));
  }
}

}  // namespace

StatusOr<std::optional<JobRow>> SqliteRegistered::GetJob(const Uuid& id) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT " STRONGROOM_JOB_COLUMNS " FROM jobs WHERE id = ?"));
  statement.Bind(id.bytes());
  SR_ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) return std::optional<JobRow>();
  SR_ASSIGN_OR_RETURN(JobRow job, ReadJob(statement));
  return std::optional<JobRow>(std::move(job));
}

StatusOr<std::vector<JobRow>> SqliteRegistered::JobsOf(const Uuid& key_id,
                                                       size_t limit) {
  SR_ASSIGN_OR_RETURN(Statement statement,
                      db_.Prepare("SELECT " STRONGROOM_JOB_COLUMNS
                                  " FROM jobs WHERE key_id = ? ORDER BY "
                                  "created_us DESC LIMIT ?"));
  statement.Bind(key_id.bytes(), I(limit));
  return ReadJobs(statement);
}

StatusOr<std::vector<JobRow>> SqliteRegistered::OpenJobs() {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT " STRONGROOM_JOB_COLUMNS
                  " FROM jobs WHERE state <= 2 ORDER BY created_us"));
  return ReadJobs(statement);
}

StatusOr<std::vector<JobFailureRow>> SqliteRegistered::JobFailures(
    const Uuid& job_id, size_t limit) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT batch_id, reason, message FROM job_failures WHERE "
                  "job_id = ? ORDER BY batch_id LIMIT ?"));
  statement.Bind(job_id.bytes(), I(limit));
  std::vector<JobFailureRow> rows;
  for (;;) {
    SR_ASSIGN_OR_RETURN(const bool more, statement.Step());
    if (!more) return rows;
    JobFailureRow& row = rows.emplace_back();
    row.job_id = job_id;
    SR_ASSIGN_OR_RETURN(row.batch_id, ReadUuid(statement, 0));
    row.reason = statement.Text(1);
    row.message = statement.Text(2);
  }
}

StatusOr<bool> SqliteRegistered::HasFailed(const Uuid& job_id,
                                           const Uuid& batch_id) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare(
          "SELECT 1 FROM job_failures WHERE job_id = ? AND batch_id = ?"));
  statement.Bind(job_id.bytes(), batch_id.bytes());
  return statement.Step();
}

Status SqliteRegistered::PutJob(const JobRow& row) {
  // Not REPLACE, which would take the row away from under its failures.
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare(
          "INSERT INTO jobs(" STRONGROOM_JOB_COLUMNS
          ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
          "?12, ?13, ?14, ?15, ?16) ON CONFLICT(id) DO UPDATE SET state = "
          "?3, from_versions = ?4, batches_per_second = ?5, updated_us "
          "= ?8, finished_us = "
          "?9, batches_total = ?10, deks_total = ?11, batches_moved = "
          "?12, deks_moved = ?13, failures = ?14, waits_for = ?15, "
          "min_share = ?16"));
  const Bytes from = EncodeVersions(row.from);
  statement.Bind(
      row.id.bytes(), row.key_id.bytes(), static_cast<int64_t>(row.state),
      ByteView(from), I(row.batches_per_second),
      std::string_view(row.created_by), EncodeTime(row.created),
      EncodeTime(row.updated), EncodeTime(row.finished), I(row.batches_total),
      I(row.deks_total), I(row.batches_moved), I(row.deks_moved),
      I(row.failures), std::string_view(row.waits_for), I(row.min_share));
  return statement.Run();
}

Status SqliteRegistered::InsertJobFailure(const JobFailureRow& row) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("INSERT INTO job_failures(job_id, batch_id, reason, message) "
                  "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"));
  statement.Bind(row.job_id.bytes(), row.batch_id.bytes(),
                 std::string_view(row.reason), std::string_view(row.message));
  SR_RETURN_IF_ERROR(statement.Run());
  return db_.changes() == 1 ? OkStatus() : JobFailureExists(row);
}

}  // namespace strongroom::store
