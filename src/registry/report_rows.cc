#include "registry/report_rows.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "strongroom/base/yield.h"
#include "strongroom/registry/jobs.h"

namespace strongroom::registry {
namespace {

using Json = nlohmann::ordered_json;
using store::JobReportRow;

constexpr size_t kDigestSize = 32;
constexpr size_t kHeadSize = 8;
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

StatusOr<JobReportRow> ReportRowOf(store::ReadTransaction& t,
                                   const Uuid& job_id) {
  SR_ASSIGN_OR_RETURN(std::optional<JobReportRow> row,
                      t.jobs().GetJobReport(job_id));
  return row ? *std::move(row) : EmptyRow(job_id);
}

void LeafDigest::Add(uint32_t index, ByteView leaf) {
  if (leaf.size() + kHeadSize > waiting_.size() - size_) {
    digest_.Add({waiting_.data(), size_});
    size_ = 0;
  }
  uint8_t* to = waiting_.data() + size_;
  StoreU32(to, index);
  StoreU32(to + 4, static_cast<uint32_t>(leaf.size()));
  size_ += kHeadSize;
  if (leaf.size() > waiting_.size() - size_) {  // far too large for a DEK
    digest_.Add({waiting_.data(), size_}).Add(leaf);
    size_ = 0;
    return;
  }
  std::memcpy(to + kHeadSize, leaf.data(), leaf.size());
  size_ += leaf.size();
}

Bytes LeafDigest::Finish() {
  return digest_.Add({waiting_.data(), size_}).Finish();
}

StatusOr<std::map<Uuid, Bytes>> DigestLeaves(store::ReadTransaction& t,
                                             std::span<const Uuid> batch_ids) {
  std::map<Uuid, Bytes> digests;
  std::optional<LeafDigest> digest;
  Uuid batch;
  const auto finish = [&] {
    if (digest) digests[batch] = digest->Finish();
  };
  SR_RETURN_IF_ERROR(t.deks().VisitLeaves(
      batch_ids, [&](const store::DekId& id, ByteView leaf) {
        if (!digest || batch != id.batch_id) {
          finish();
          batch = id.batch_id;
          digest.emplace();
          // Requests that wait for this processor go first, as they do on the
          // token.
          YieldSometimes();
        }
        digest->Add(id.index, leaf);
      }));
  finish();
  return digests;
}

StatusOr<Bytes> DigestLeaves(store::ReadTransaction& t, const Uuid& batch_id) {
  SR_ASSIGN_OR_RETURN(auto digests, DigestLeaves(t, {&batch_id, 1}));
  const auto found = digests.find(batch_id);
  return found == digests.end() ? LeafDigest().Finish() : found->second;
}

Status LeavesChanged(const Uuid& batch_id) {
  return Error(Reason::kStoreCorrupt,
               "a leaf of batch " + batch_id.ToString() +
                   " is not what was registered; want nobody but the service "
                   "to write to the store: restore a backup, or delete those "
                   "of its DEKs that do not open");
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
  SR_ASSIGN_OR_RETURN(const JobReportRow row, ReportRowOf(t, job.id));
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
