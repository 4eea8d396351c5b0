// What every Store promises of jobs and of what depends on a version, held
// against the fake and SQLite.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/contract/deks_contract.h"

namespace strongroom::store {
namespace {

using ::strongroom::testing::HasReason;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

using JobsContract = RowsContract;

INSTANTIATE_TEST_SUITE_P(Stores, JobsContract,
                         ::testing::Values("Memory", "Sqlite"),
                         [](const auto& store) { return store.param; });

TEST_P(JobsContract, JobsAreKeptWithTheirFailures) {
  JobRow job{.id = IdOf(1),
             .key_id = key_.id,
             .state = JobState::kRunning,
             .from = {1, 0x7fffffff},
             .batches_per_second = 7,
             .min_share = 11,
             .created_by = "cn:root",
             .created = kNow,
             .updated = kNow + std::chrono::seconds(1),
             .finished = kNow + std::chrono::seconds(2),
             .batches_total = 1,
             .deks_total = uint64_t{1} << 40,
             .batches_moved = 3,
             .deks_moved = 4,
             .failures = 5,
             .waits_for = "the token"};
  JobRow done = job;
  done.id = IdOf(2);
  done.state = JobState::kDone;
  done.created = kNow + std::chrono::seconds(9);
  ASSERT_OK(Change([&](auto& t) -> Status {
    SR_RETURN_IF_ERROR(t.jobs().PutJob(job));
    return t.jobs().PutJob(done);
  }));
  const JobFailureRow failure{IdOf(1), IdOf(8), "NOT_AUTHENTIC", "why"};
  ASSERT_OK(
      Change([&](auto& t) { return t.jobs().InsertJobFailure(failure); }));
  EXPECT_THAT(
      Change([&](auto& t) { return t.jobs().InsertJobFailure(failure); }),
      HasReason(Reason::kConflict));
  job.state = JobState::kPaused;
  job.batches_moved = 30;
  ASSERT_OK(Change([&](auto& t) { return t.jobs().PutJob(job); }));

  EXPECT_THAT(Get([&](auto& t) { return t.jobs().GetJob(job.id); }),
              Optional(job));
  EXPECT_EQ(Get([&](auto& t) { return t.jobs().GetJob(IdOf(3)); }),
            std::nullopt);
  EXPECT_THAT(Get([&](auto& t) { return t.jobs().JobsOf(key_.id, 9); }),
              ElementsAre(done, job));
  EXPECT_THAT(Get([&](auto& t) { return t.jobs().JobsOf(key_.id, 1); }),
              ElementsAre(done));
  EXPECT_THAT(Get([&](auto& t) { return t.jobs().JobsOf(other_.id, 9); }),
              IsEmpty());
  EXPECT_THAT(Get([&](auto& t) { return t.jobs().OpenJobs(); }),
              ElementsAre(job));
  EXPECT_THAT(Get([&](auto& t) { return t.jobs().JobFailures(job.id, 9); }),
              ElementsAre(failure));
  const Uuid ids[] = {IdOf(7), IdOf(8)};
  EXPECT_THAT(Get([&](auto& t) { return t.jobs().FailedOf(job.id, ids); }),
              ElementsAre(IdOf(8)));
  EXPECT_THAT(Get([&](auto& t) { return t.jobs().FailedOf(done.id, ids); }),
              IsEmpty());
}

TEST_P(JobsContract, AJobsReportIsKeptAndReplaced) {
  JobRow job;
  job.id = IdOf(9);
  job.key_id = key_.id;
  JobReportRow report{.job_id = job.id,
                      .from = {1, 2},
                      .to = {3},
                      .before = {1, 2},
                      .after = {3},
                      .document = ""};
  for (const char* document : {"", "{\"signed\": 1}"}) {
    report.document = document;
    ASSERT_OK(store_->Update([&](Transaction& t) -> Status {
      SR_RETURN_IF_ERROR(t.jobs().PutJob(job));
      return t.jobs().PutJobReport(report);
    }));
    ASSERT_OK(store_->Read([&](ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(auto found, t.jobs().GetJobReport(job.id));
      EXPECT_EQ(found, report);
      SR_ASSIGN_OR_RETURN(found, t.jobs().GetJobReport(IdOf(8)));
      EXPECT_EQ(found, std::nullopt);
      return OkStatus();
    }));
  }
}

TEST_P(JobsContract, UsesAreKeptByVersion) {
  const UseRow first{.key_id = key_.id,
                     .version = 1,
                     .issued = 1ull << 40,
                     .uncounted = true,
                     .first_issued = kNow,
                     .last_issued = kNow + std::chrono::seconds(1),
                     .last_opened = kNow + std::chrono::seconds(2)};
  const UseRow second{.key_id = key_.id, .version = 2, .issued = 3};
  const UseRow others{.key_id = other_.id, .version = 1, .issued = 4};
  ASSERT_OK(Change([&](Transaction& t) -> Status {
    for (const UseRow& row : {second, first, others}) {
      SR_RETURN_IF_ERROR(t.dependents().PutUse(row));
    }
    return OkStatus();
  }));
  EXPECT_THAT(Get([&](auto& t) { return t.dependents().UsesOf(key_.id); }),
              ElementsAre(first, second));
  UseRow changed = second;
  changed.issued = 7;
  ASSERT_OK(Change([&](auto& t) { return t.dependents().PutUse(changed); }));
  EXPECT_THAT(Get([&](auto& t) { return t.dependents().UsesOf(key_.id); }),
              ElementsAre(first, changed));
}

TEST_P(JobsContract, ClaimsAreDroppedByCallerAndSource) {
  const auto claim = [&](uint32_t version, const char* caller,
                         const char* source) {
    return ClaimRow{key_.id, version, caller, source, 5, kNow};
  };
  const std::vector<ClaimRow> all = {
      claim(1, "cn:a", "x"), claim(1, "cn:a", "y"), claim(1, "cn:b", "x"),
      claim(2, "cn:a", "x")};
  ASSERT_OK(Change([&](Transaction& t) -> Status {
    for (auto row = all.rbegin(); row != all.rend(); ++row) {
      SR_RETURN_IF_ERROR(t.dependents().PutClaim(*row));
    }
    return t.dependents().PutClaim({other_.id, 1, "cn:a", "x", 1, kNow});
  }));
  EXPECT_THAT(Get([&](auto& t) { return t.dependents().ClaimsOf(key_.id); }),
              ::testing::ElementsAreArray(all));
  ASSERT_OK(Change([&](auto& t) {
    return t.dependents().DropClaims(key_.id, "cn:a", "x");
  }));
  EXPECT_THAT(Get([&](auto& t) { return t.dependents().ClaimsOf(key_.id); }),
              ElementsAre(all[1], all[2]));
  EXPECT_THAT(Get([&](auto& t) { return t.dependents().ClaimsOf(other_.id); }),
              ::testing::SizeIs(1));
}

TEST_P(JobsContract, WhatARotationBringsIsKept) {
  key_.always_required = true;
  key_.rewrap_on_rotation = true;
  key_.retire_after_s = 86400;
  VersionRow version;
  version.key_id = key_.id;
  version.version = 1;
  version.kek_id = IdOf(7);
  ASSERT_OK(store_->Update([&](Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.InsertVersion(version));
    version.retired = true;
    SR_RETURN_IF_ERROR(t.UpdateVersion(version));
    return t.UpdateKey(key_);
  }));
  ASSERT_OK(store_->Read([&](ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(auto row, t.GetKey(key_.id));
    EXPECT_EQ(*row, key_);
    SR_ASSIGN_OR_RETURN(auto rows, t.VersionsOf(key_.id));
    EXPECT_THAT(rows, ElementsAre(version));
    return OkStatus();
  }));
}

}  // namespace
}  // namespace strongroom::store
