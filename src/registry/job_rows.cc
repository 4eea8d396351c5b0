#include "registry/job_rows.h"

#include <algorithm>
#include <string>

#include "registry/report_rows.h"
#include "registry/rows.h"

namespace strongroom::registry {
namespace {

using store::BatchRow;
using store::CensusRow;
using store::JobRow;

StatusOr<uint32_t> PrimaryOf(store::ReadTransaction& t, const Uuid& key_id) {
  SR_ASSIGN_OR_RETURN(const std::optional<store::KeyRow> key, t.GetKey(key_id));
  if (key) return key->primary_version;
  return Error(Reason::kKeyNotFound,
               "there is no key with the id " + key_id.ToString());
}

bool IsNamed(const std::vector<uint32_t>& from, uint32_t version) {
  return from.empty() || std::ranges::find(from, version) != from.end();
}

// CloseEmpty keeps what was sealed under these versions from being registered
// later: that is found out by its caller, who seals again.
Status CloseEmpty(store::Transaction& t, const JobRow& job) {
  SR_ASSIGN_OR_RETURN(const uint32_t primary, PrimaryOf(t, job.key_id));
  SR_ASSIGN_OR_RETURN(const auto versions, t.VersionsOf(job.key_id));
  SR_ASSIGN_OR_RETURN(const auto census, t.dependents().CensusOf(job.key_id));
  std::vector<uint32_t> empty;
  for (const store::VersionRow& version : versions) {
    const auto counted =
        std::ranges::find(census, version.version, &CensusRow::version);
    if (version.version < primary && IsNamed(job.from, version.version) &&
        !version.closed && (counted == census.end() || counted->batches == 0)) {
      empty.push_back(version.version);
    }
  }
  return t.CloseVersions(job.key_id, empty);
}

// HasMovable: is there a batch that the job has not given up?
StatusOr<bool> HasMovable(store::ReadTransaction& t, const JobRow& job,
                          const std::vector<CensusRow>& sources) {
  for (const CensusRow& source : sources) {
    if (source.batches > job.failures) return true;
    SR_ASSIGN_OR_RETURN(const std::vector<BatchRow> batches,
                        t.deks().ListBatches(job.key_id, source.version,
                                             std::nullopt, source.batches));
    SR_ASSIGN_OR_RETURN(const std::vector<Uuid> failed,
                        t.jobs().FailedOf(job.id, IdsOf(batches)));
    if (failed.size() < batches.size()) return true;
  }
  return false;
}

}  // namespace

StatusOr<std::vector<CensusRow>> SourcesOf(store::ReadTransaction& t,
                                           const Uuid& key_id,
                                           const std::vector<uint32_t>& from) {
  SR_ASSIGN_OR_RETURN(const uint32_t primary, PrimaryOf(t, key_id));
  SR_ASSIGN_OR_RETURN(std::vector<CensusRow> rows,
                      t.dependents().CensusOf(key_id));
  std::erase_if(rows, [&](const CensusRow& row) {
    return row.version >= primary || row.batches == 0 ||
           !IsNamed(from, row.version);
  });
  return rows;
}

StatusOr<Job> ViewOf(store::ReadTransaction& t, JobRow row) {
  Job job;
  SR_ASSIGN_OR_RETURN(const std::vector<CensusRow> sources,
                      SourcesOf(t, row.key_id, row.from));
  for (const CensusRow& source : sources) {
    job.batches_left += source.batches;
    job.deks_left += source.deks;
  }
  job.row = std::move(row);
  return job;
}

bool IsFinal(const Status& failure) {
  switch (ReasonOf(failure)) {
    case Reason::kNotAuthentic:
    case Reason::kMalformed:
    case Reason::kFormatUnknown:
    case Reason::kStoreCorrupt:
    case Reason::kVersionNotFound:
      return true;
    default:
      return false;
  }
}

std::vector<Uuid> IdsOf(const std::vector<BatchRow>& batches) {
  std::vector<Uuid> ids;
  ids.reserve(batches.size());
  for (const BatchRow& batch : batches) ids.push_back(batch.batch_id);
  return ids;
}

Status NoteLeaves(store::Transaction& t, std::vector<BatchRow>* batches) {
  std::vector<Uuid> unknown;
  for (const BatchRow& batch : *batches) {
    if (batch.leaves.empty()) unknown.push_back(batch.batch_id);
  }
  SR_ASSIGN_OR_RETURN(auto stored, t.deks().GetBatches(unknown));
  SR_ASSIGN_OR_RETURN(auto digests, DigestLeaves(t, unknown));
  std::vector<BatchRow> noted, changed;
  auto next = stored.begin();
  for (BatchRow& batch : *batches) {
    if (batch.leaves.empty()) {
      std::optional<BatchRow> row = std::move(*next++);
      if (!row) continue;
      batch = *std::move(row);
      batch.leaves = std::move(digests[batch.batch_id]);
      changed.push_back(batch);
    }
    noted.push_back(std::move(batch));
  }
  *batches = std::move(noted);
  return t.deks().UpdateBatches(changed);
}

Status StoreMoved(store::Transaction& t, const std::vector<MovedBatch>& moved,
                  WallTime now, JobRow* job) {
  SR_ASSIGN_OR_RETURN(const auto versions, t.VersionsOf(job->key_id));
  SR_ASSIGN_OR_RETURN(store::JobReportRow report, ReportRowOf(t, job->id));
  std::vector<Uuid> ids;
  for (const MovedBatch& one : moved) ids.push_back(one.before.batch_id);
  SR_ASSIGN_OR_RETURN(auto stored, t.deks().GetBatches(ids));
  SR_ASSIGN_OR_RETURN(auto leaves, DigestLeaves(t, ids));
  CensusChange census;
  std::vector<BatchRow> changed;
  std::vector<store::JobFailureRow> failures;
  for (size_t i = 0; i < moved.size(); ++i) {
    const MovedBatch& one = moved[i];
    std::optional<BatchRow>& row = stored[i];
    // What changed since, DEKs that are gone included, is met again.
    if (!row || *row != one.before) continue;
    Bytes& now_there = leaves[row->batch_id];
    Status status = one.status;
    if (status.ok() && now_there != row->leaves) {
      status = LeavesChanged(row->batch_id);
    }
    if (!status.ok()) {
      if (!IsFinal(status)) continue;
      failures.push_back({.job_id = job->id,
                          .batch_id = row->batch_id,
                          .reason = std::string(ReasonName(ReasonOf(status))),
                          .message = std::string(MessageOf(status))});
      continue;
    }
    const uint32_t target = one.header.key_version;
    if (target == row->version) continue;
    SR_RETURN_IF_ERROR(CheckTakesBatches(versions, target));
    census.Add(row->key_id, row->version, -1, -int64_t{row->deks});
    census.Add(row->key_id, target, 1, row->deks);
    AddToReport({.batch_id = row->batch_id,
                 .from = row->version,
                 .to = target,
                 .before = row->leaves,
                 .after = std::move(now_there)},
                &report);
    row->version = target;
    row->header = envelope::SerializeHeader(one.header);
    ++job->batches_moved;
    job->deks_moved += row->deks;
    changed.push_back(*std::move(row));
  }
  job->failures += failures.size();
  SR_RETURN_IF_ERROR(t.jobs().InsertJobFailures(failures));
  SR_RETURN_IF_ERROR(t.deks().UpdateBatches(changed));
  SR_RETURN_IF_ERROR(census.Apply(t));
  job->updated = now;
  SR_RETURN_IF_ERROR(t.jobs().PutJobReport(report));
  return t.jobs().PutJob(*job);
}

StatusOr<bool> StoreEnd(store::Transaction& t, WallTime now, JobRow* job) {
  SR_ASSIGN_OR_RETURN(const std::vector<CensusRow> sources,
                      SourcesOf(t, job->key_id, job->from));
  SR_ASSIGN_OR_RETURN(const bool more, HasMovable(t, *job, sources));
  if (more) return false;
  SR_RETURN_IF_ERROR(CloseEmpty(t, *job));
  job->state = sources.empty() ? JobState::kDone : JobState::kPartial;
  job->waits_for.clear();
  job->updated = now;
  job->finished = now;
  SR_RETURN_IF_ERROR(t.jobs().PutJob(*job));
  return true;
}

}  // namespace strongroom::registry
