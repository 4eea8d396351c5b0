// What jobs write down for their reports.
#include "store/registered_codec.h"
#include "store/sqlite_registered.h"

namespace strongroom::store {

Status SqliteRegistered::VisitLeaves(
    const Uuid& batch_id,
    const std::function<void(uint32_t, ByteView)>& visit) {
  SR_ASSIGN_OR_RETURN(Statement statement,
                      db_.Prepare("SELECT dek_index, leaf FROM deks WHERE "
                                  "batch_id = ? ORDER BY dek_index"));
  statement.Bind(batch_id.bytes());
  for (;;) {
    SR_ASSIGN_OR_RETURN(const bool more, statement.Step());
    if (!more) return OkStatus();
    visit(static_cast<uint32_t>(statement.Int(0)), statement.BlobView(1));
  }
}

StatusOr<std::optional<JobReportRow>> SqliteRegistered::GetJobReport(
    const Uuid& job_id) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT from_versions, to_versions, leaves_before, "
                  "leaves_after, document FROM job_reports WHERE job_id = ?"));
  statement.Bind(job_id.bytes());
  SR_ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) return std::optional<JobReportRow>();
  JobReportRow row;
  row.job_id = job_id;
  SR_ASSIGN_OR_RETURN(row.from, DecodeVersions(statement.Blob(0)));
  SR_ASSIGN_OR_RETURN(row.to, DecodeVersions(statement.Blob(1)));
  row.before = statement.Blob(2);
  row.after = statement.Blob(3);
  row.document = statement.Text(4);
  return std::optional<JobReportRow>(std::move(row));
}

Status SqliteRegistered::PutJobReport(const JobReportRow& row) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("REPLACE INTO job_reports(job_id, from_versions, "
                  "to_versions, leaves_before, leaves_after, document) VALUES "
                  "(?, ?, ?, ?, ?, ?)"));
  const Bytes from = EncodeVersions(row.from);
  const Bytes to = EncodeVersions(row.to);
  statement.Bind(row.job_id.bytes(), ByteView(from), ByteView(to),
                 ByteView(row.before), ByteView(row.after),
                 std::string_view(row.document));
  return statement.Run();
}

}  // namespace strongroom::store
