#include "tests/testing/memory_registered.h"

#include <algorithm>

#include "store/registered_codec.h"

namespace strongroom::testing {
namespace {

template <typename Map, typename Key>
StatusOr<std::optional<typename Map::mapped_type>> Get(const Map& map,
                                                       const Key& key) {
  auto found = map.find(key);
  if (found == map.end()) return std::optional<typename Map::mapped_type>();
  return std::optional<typename Map::mapped_type>(found->second);
}

}  // namespace

using store::BatchRow;
using store::CensusRow;
using store::ClaimRow;
using store::DekId;
using store::DekRow;
using store::JobFailureRow;
using store::JobRow;
using store::JobState;
using store::ListedDek;
using store::RegistrationRow;
using store::TombstoneRow;
using store::UseRow;

StatusOr<std::optional<BatchRow>> MemoryRegistered::GetBatch(
    const Uuid& batch_id) {
  return Get(state_.batches, batch_id);
}

StatusOr<std::optional<DekRow>> MemoryRegistered::GetDek(const DekId& id) {
  return Get(state_.deks, id);
}

StatusOr<std::vector<ListedDek>> MemoryRegistered::ListDeks(
    const Uuid& key_id, uint32_t version, const std::optional<DekId>& after,
    size_t limit) {
  std::vector<ListedDek> listed;
  auto at = after ? state_.deks.upper_bound(*after) : state_.deks.begin();
  for (; at != state_.deks.end() && listed.size() < limit; ++at) {
    const BatchRow& batch = state_.batches.at(at->first.batch_id);
    if (batch.key_id != key_id) continue;
    if (version != 0 && batch.version != version) continue;
    listed.push_back({at->second, batch.version});
    listed.back().dek.leaf.clear();
  }
  return listed;
}

StatusOr<std::vector<BatchRow>> MemoryRegistered::ListBatches(
    const Uuid& key_id, uint32_t version, const std::optional<Uuid>& after,
    size_t limit) {
  std::vector<BatchRow> listed;
  auto at = after ? state_.batches.upper_bound(*after) : state_.batches.begin();
  for (; at != state_.batches.end() && listed.size() < limit; ++at) {
    const BatchRow& batch = at->second;
    if (batch.key_id == key_id && batch.version == version) {
      listed.push_back(batch);
    }
  }
  return listed;
}

StatusOr<std::optional<TombstoneRow>> MemoryRegistered::GetTombstone(
    const DekId& id) {
  return Get(state_.tombstones, id);
}

StatusOr<std::vector<TombstoneRow>> MemoryRegistered::AllTombstones() {
  std::vector<TombstoneRow> rows;
  for (const auto& [id, row] : state_.tombstones) rows.push_back(row);
  return rows;
}

StatusOr<std::optional<RegistrationRow>> MemoryRegistered::GetRegistration(
    std::string_view caller, const Uuid& request_id) {
  return Get(state_.registrations, std::pair(std::string(caller), request_id));
}

StatusOr<std::vector<CensusRow>> MemoryRegistered::CensusOf(
    const Uuid& key_id) {
  std::vector<CensusRow> rows;
  for (const auto& [id, row] : state_.census) {
    if (id.first == key_id) rows.push_back(row);
  }
  return rows;
}

StatusOr<std::vector<UseRow>> MemoryRegistered::UsesOf(const Uuid& key_id) {
  std::vector<UseRow> rows;
  for (const auto& [id, row] : state_.uses) {
    if (id.first == key_id) rows.push_back(row);
  }
  return rows;
}

StatusOr<std::vector<ClaimRow>> MemoryRegistered::ClaimsOf(const Uuid& key_id) {
  std::vector<ClaimRow> rows;
  for (const auto& [id, row] : state_.claims) {
    if (row.key_id == key_id) rows.push_back(row);
  }
  return rows;
}

StatusOr<std::optional<JobRow>> MemoryRegistered::GetJob(const Uuid& id) {
  return Get(state_.jobs, id);
}

StatusOr<std::vector<JobRow>> MemoryRegistered::JobsOf(const Uuid& key_id,
                                                       size_t limit) {
  std::vector<JobRow> rows;
  for (const auto& [id, row] : state_.jobs) {
    if (row.key_id == key_id) rows.push_back(row);
  }
  std::ranges::sort(rows, std::ranges::greater(), &JobRow::created);
  if (rows.size() > limit) rows.resize(limit);
  return rows;
}

StatusOr<std::vector<JobRow>> MemoryRegistered::OpenJobs() {
  std::vector<JobRow> rows;
  for (const auto& [id, row] : state_.jobs) {
    if (row.state <= JobState::kPaused) rows.push_back(row);
  }
  std::ranges::sort(rows, {}, &JobRow::created);
  return rows;
}

StatusOr<std::vector<JobFailureRow>> MemoryRegistered::JobFailures(
    const Uuid& job_id, size_t limit) {
  std::vector<JobFailureRow> rows;
  for (const auto& [id, row] : state_.job_failures) {
    if (id.first == job_id && rows.size() < limit) rows.push_back(row);
  }
  return rows;
}

StatusOr<bool> MemoryRegistered::HasFailed(const Uuid& job_id,
                                           const Uuid& batch_id) {
  return state_.job_failures.contains({job_id, batch_id});
}

Status MemoryRegistered::InsertBatch(const BatchRow& row) {
  return state_.batches.emplace(row.batch_id, row).second
             ? OkStatus()
             : store::BatchExists(row.batch_id);
}

Status MemoryRegistered::UpdateBatch(const BatchRow& row) {
  auto found = state_.batches.find(row.batch_id);
  if (found == state_.batches.end() || found->second.key_id != row.key_id) {
    return store::BatchMissing(row.batch_id);
  }
  found->second = row;
  return OkStatus();
}

Status MemoryRegistered::DeleteBatch(const Uuid& batch_id) {
  auto dek = state_.deks.lower_bound({batch_id, 0});
  if (dek != state_.deks.end() && dek->first.batch_id == batch_id) {
    return store::BatchHasDeks(batch_id);
  }
  return state_.batches.erase(batch_id) == 1 ? OkStatus()
                                             : store::BatchMissing(batch_id);
}

Status MemoryRegistered::InsertDek(const DekRow& row) {
  SR_RETURN_IF_ERROR(store::ValidateRow(row));
  if (!state_.batches.contains(row.id.batch_id)) {
    return store::BatchMissing(row.id.batch_id);
  }
  return state_.deks.emplace(row.id, row).second ? OkStatus()
                                                 : store::DekExists(row.id);
}

Status MemoryRegistered::DeleteDek(const DekId& id) {
  return state_.deks.erase(id) == 1 ? OkStatus() : store::DekMissing(id);
}

Status MemoryRegistered::InsertTombstone(const TombstoneRow& row) {
  return state_.tombstones.emplace(row.id, row).second
             ? OkStatus()
             : store::TombstoneExists(row.id);
}

Status MemoryRegistered::PutRegistration(const RegistrationRow& row) {
  state_.registrations.insert_or_assign(std::pair(row.caller, row.request_id),
                                        row);
  return OkStatus();
}

Status MemoryRegistered::DropRegistrations(WallTime before, size_t limit) {
  std::vector<RegistrationRow> old;
  for (const auto& [id, row] : state_.registrations) {
    if (row.made < before) old.push_back(row);
  }
  std::ranges::sort(old, {}, &RegistrationRow::made);
  for (size_t i = 0; i < std::min(limit, old.size()); ++i) {
    state_.registrations.erase({old[i].caller, old[i].request_id});
  }
  return OkStatus();
}

Status MemoryRegistered::PutJob(const JobRow& row) {
  state_.jobs.insert_or_assign(row.id, row);
  return OkStatus();
}

Status MemoryRegistered::InsertJobFailure(const JobFailureRow& row) {
  return state_.job_failures.emplace(std::pair(row.job_id, row.batch_id), row)
                 .second
             ? OkStatus()
             : store::JobFailureExists(row);
}

Status MemoryRegistered::VisitLeaves(
    const Uuid& batch_id,
    const std::function<void(uint32_t, ByteView)>& visit) {
  for (auto at = state_.deks.lower_bound({batch_id, 0});
       at != state_.deks.end() && at->first.batch_id == batch_id; ++at) {
    visit(at->first.index, at->second.leaf);
  }
  return OkStatus();
}

StatusOr<std::optional<store::JobReportRow>> MemoryRegistered::GetJobReport(
    const Uuid& job_id) {
  return Get(state_.job_reports, job_id);
}

Status MemoryRegistered::PutJobReport(const store::JobReportRow& row) {
  state_.job_reports.insert_or_assign(row.job_id, row);
  return OkStatus();
}

Status MemoryRegistered::PutUse(const UseRow& row) {
  state_.uses.insert_or_assign(std::pair(row.key_id, row.version), row);
  return OkStatus();
}

Status MemoryRegistered::PutClaim(const ClaimRow& row) {
  state_.claims.insert_or_assign(
      std::tuple(row.key_id, row.version, row.caller, row.source), row);
  return OkStatus();
}

Status MemoryRegistered::DropClaims(const Uuid& key_id, std::string_view caller,
                                    std::string_view source) {
  std::erase_if(state_.claims, [&](const auto& claim) {
    const ClaimRow& row = claim.second;
    return row.key_id == key_id && row.caller == caller && row.source == source;
  });
  return OkStatus();
}

Status MemoryRegistered::PutCensus(const CensusRow& row) {
  state_.census.insert_or_assign(std::pair(row.key_id, row.version), row);
  return OkStatus();
}

}  // namespace strongroom::testing
