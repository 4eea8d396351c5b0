#include "registry/report_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "strongroom/registry/jobs.h"
#include "strongroom/signing/sha256.h"

namespace strongroom::registry {
namespace {

using Json = nlohmann::ordered_json;
using store::JobReportRow;

constexpr size_t kDigestSize = 32;
constexpr char kDigestName[] = "SHA-256, chained over batches as moved";

Bytes Chained(const Bytes& chain, const Uuid& batch_id, const Bytes& leaves) {
  return signing::Sha256()
      .Add(chain)
      .Add(batch_id.bytes())
      .Add(leaves)
      .Finish();
}

void AddVersion(uint32_t version, std::vector<uint32_t>* versions) {
  const auto at = std::ranges::lower_bound(*versions, version);
  if (at == versions->end() || *at != version) versions->insert(at, version);
}

JobReportRow EmptyRow(const Uuid& job_id) {
  JobReportRow row;
  row.job_id = job_id;
  row.before.resize(kDigestSize);
  row.after.resize(kDigestSize);
  return row;
}

}  // namespace

StatusOr<JobReportRow> ReportRowOf(store::RegisteredReads& rows,
                                   const Uuid& job_id) {
  SR_ASSIGN_OR_RETURN(std::optional<JobReportRow> row,
                      rows.GetJobReport(job_id));
  return row ? *std::move(row) : EmptyRow(job_id);
}

StatusOr<Bytes> DigestLeaves(store::RegisteredReads& rows,
                             const Uuid& batch_id) {
  SR_ASSIGN_OR_RETURN(const std::vector<store::LeafRow> leaves,
                      rows.LeavesOf(batch_id));
  signing::Sha256 digest;
  for (const store::LeafRow& leaf : leaves) {
    Bytes head;
    AppendU32(&head, leaf.index);
    AppendU32(&head, static_cast<uint32_t>(leaf.leaf.size()));
    digest.Add(head).Add(leaf.leaf);
  }
  return digest.Finish();
}

Status LeavesChanged(const Uuid& batch_id) {
  return Error(Reason::kStoreCorrupt,
               "a leaf of batch " + batch_id.ToString() +
                   " was changed while the batch was to be moved; want nobody "
                   "but the service to write to the store: restore a backup");
}

void AddToReport(const MovedLeaves& moved, JobReportRow* row) {
  AddVersion(moved.from, &row->from);
  AddVersion(moved.to, &row->to);
  row->before = Chained(row->before, moved.batch_id, moved.before);
  row->after = Chained(row->after, moved.batch_id, moved.after);
}

StatusOr<std::string> ReportPayload(store::ReadTransaction& t,
                                    const Uuid& installation,
                                    const store::JobRow& job) {
  SR_ASSIGN_OR_RETURN(const JobReportRow row,
                      ReportRowOf(t.registered(), job.id));
  SR_ASSIGN_OR_RETURN(const std::optional<store::KeyRow> key,
                      t.GetKey(job.key_id));
  Json json;
  json["installation_id"] = installation.ToString();
  json["job_id"] = job.id.ToString();
  json["key"] = key ? key->name : "";
  json["key_id"] = job.key_id.ToString();
  json["state"] = JobStateName(job.state);
  json["from_versions"] = row.from;
  json["to_versions"] = row.to;
  json["batches_moved"] = job.batches_moved;
  json["deks_moved"] = job.deks_moved;
  json["batches_failed"] = job.failures;
  json["leaf_digest"] = {{"algorithm", kDigestName},
                         {"before", ToHex(row.before)},
                         {"after", ToHex(row.after)}};
  // A job knows headers and leaves; no call tells the service where bulk data
  // is.
  json["bulk_bytes_touched"] = 0;
  json["started_by"] = job.created_by;
  json["start_time"] = FormatTime(job.created);
  json["finish_time"] = FormatTime(job.finished);
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace strongroom::registry
