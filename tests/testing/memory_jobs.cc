#include "tests/testing/memory_jobs.h"

#include <algorithm>

#include "store/dek_codec.h"

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

using store::JobFailureRow;
using store::JobRow;
using store::JobState;

StatusOr<std::optional<JobRow>> MemoryJobs::GetJob(const Uuid& id) {
  return Get(state_.jobs, id);
}

StatusOr<std::vector<JobRow>> MemoryJobs::JobsOf(const Uuid& key_id,
                                                 size_t limit) {
  std::vector<JobRow> rows;
  for (const auto& [id, row] : state_.jobs) {
    if (row.key_id == key_id) rows.push_back(row);
  }
  std::ranges::sort(rows, std::ranges::greater(), &JobRow::created);
  if (rows.size() > limit) rows.resize(limit);
  return rows;
}

StatusOr<std::vector<JobRow>> MemoryJobs::OpenJobs() {
  std::vector<JobRow> rows;
  for (const auto& [id, row] : state_.jobs) {
    if (row.state <= JobState::kPaused) rows.push_back(row);
  }
  std::ranges::sort(rows, {}, &JobRow::created);
  return rows;
}

StatusOr<std::vector<JobFailureRow>> MemoryJobs::JobFailures(const Uuid& job_id,
                                                             size_t limit) {
  std::vector<JobFailureRow> rows;
  for (const auto& [id, row] : state_.job_failures) {
    if (id.first == job_id && rows.size() < limit) rows.push_back(row);
  }
  return rows;
}

StatusOr<std::vector<Uuid>> MemoryJobs::FailedOf(
    const Uuid& job_id, std::span<const Uuid> batch_ids) {
  std::vector<Uuid> failed;
  for (const Uuid& id : batch_ids) {
    if (state_.job_failures.contains({job_id, id})) failed.push_back(id);
  }
  return failed;
}

Status MemoryJobs::PutJob(const JobRow& row) {
  state_.jobs.insert_or_assign(row.id, row);
  return OkStatus();
}

Status MemoryJobs::InsertJobFailures(std::span<const JobFailureRow> rows) {
  for (const JobFailureRow& row : rows) {
    if (!state_.job_failures.emplace(std::pair(row.job_id, row.batch_id), row)
             .second) {
      return store::JobFailureExists(row);
    }
  }
  return OkStatus();
}

StatusOr<std::optional<store::JobReportRow>> MemoryJobs::GetJobReport(
    const Uuid& job_id) {
  return Get(state_.job_reports, job_id);
}

Status MemoryJobs::PutJobReport(const store::JobReportRow& row) {
  state_.job_reports.insert_or_assign(row.job_id, row);
  return OkStatus();
}

}  // namespace strongroom::testing
