// Registered DEKs, rewrap jobs and the census on the wire, in both directions.
#include "wire/registered.h"

#include <gmock/gmock.h>

#include "tests/testing/fake_clock.h"
#include "tests/wire/round_trip.h"

namespace strongroom::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kDekId[] = "00000000-0000-0000-0000-000000000000:7";

model::Job TestJob() {
  model::Job job;
  job.id = *Uuid::Parse("4e0ffd6d-5d92-4f4c-8a3b-2c3f9a7f6e10");
  job.state = model::JobState::kPartial;
  job.options = {{1, 3}, 9, 12};
  job.created_by = "cn:root";
  job.created = FakeClock::kStart;
  job.updated = FakeClock::kStart + std::chrono::seconds(1);
  job.finished = FakeClock::kStart + std::chrono::seconds(2);
  job.batches_total = 10;
  job.deks_total = 20;
  job.batches_moved = 30;
  job.deks_moved = 40;
  job.failure_count = 1;
  job.waits_for = "the token";
  job.batches_left = 50;
  job.deks_left = 60;
  job.failures = {{Uuid::Random(), "NOT_AUTHENTIC", "why"}};
  return job;
}

TEST(WireRegisteredTest, DeksAreListedWithTheirFilter) {
  const model::ListDeks wanted{"a/key", 3, {{"env", "prod"}}, 9, "here"};
  v1::ListDeksRequest request;
  wire::Write(wanted, &request);
  EXPECT_EQ(request.key_version(), 3u);
  ASSERT_OK_AND_ASSIGN(auto read, ReadAs<model::ListDeks>(request));
  EXPECT_EQ(read.name, "a/key");
  EXPECT_EQ(read.key_version, 3u);
  EXPECT_THAT(read.labels, ElementsAre(Pair("env", "prod")));
  EXPECT_EQ(read.page_size, 9u);
  EXPECT_EQ(read.page_token, "here");
}

TEST(WireRegisteredTest, ADekIsToldWholeAndReadsAsItWasWritten) {
  const model::DekPage page{{{.id = {Uuid(), 7},
                              .key_version = 3,
                              .about = {{{"env", "prod"}}, "vol-1"},
                              .created = FakeClock::kStart}},
                            "next"};
  ASSERT_OK_AND_ASSIGN(auto response, AnswerOf<v1::ListDeksResponse>(page));
  ASSERT_EQ(response.deks_size(), 1);
  const v1::Dek& dek = response.deks(0);
  EXPECT_EQ(dek.dek_id(), kDekId);
  EXPECT_EQ(dek.key_version(), 3u);
  EXPECT_THAT(dek.labels(), UnorderedElementsAre(Pair("env", "prod")));
  EXPECT_EQ(dek.reference(), "vol-1");
  EXPECT_EQ(dek.create_time().seconds(), 1738310400);
  EXPECT_EQ(response.next_page_token(), "next");
  ASSERT_OK_AND_ASSIGN(model::DekPage read, wire::Read(response));
  EXPECT_EQ(read.deks, page.deks);
  EXPECT_EQ(read.next_page_token, "next");
}

TEST(WireRegisteredTest, ADekWithoutAnIdIsAFault) {
  v1::Dek dek;
  EXPECT_THAT(wire::Read(dek), HasReason(Reason::kInternal));
}

TEST(WireRegisteredTest, RequestsAboutOneDekOrJobNameIt) {
  const auto dek = [](auto request) {
    request.set_name("a/key");
    request.set_dek_id(kDekId);
    ASSERT_OK_AND_ASSIGN(auto read, ReadAs<model::OfDek>(request));
    EXPECT_EQ(read.name, "a/key");
    EXPECT_EQ(read.dek_id, kDekId);
  };
  dek(v1::GetDekRequest());
  dek(v1::DeleteDekRequest());
  dek(v1::ShredDekRequest());
  const auto job = [](auto request) {
    request.set_name("a/key");
    request.set_job_id("one");
    ASSERT_OK_AND_ASSIGN(auto read, ReadAs<model::OfJob>(request));
    EXPECT_EQ(read.name, "a/key");
    EXPECT_EQ(read.job_id, "one");
  };
  job(v1::GetJobRequest());
  job(v1::GetJobReportRequest());
  job(v1::PauseJobRequest());
  job(v1::ResumeJobRequest());
  job(v1::CancelJobRequest());
}

TEST(WireRegisteredTest, AStartOfAJobReadsAsItWasWritten) {
  const model::StartRewrap wanted{"a/key", {{1, 2}, 9, 13}, true};
  v1::StartRewrapRequest request;
  wire::Write(wanted, &request);
  EXPECT_THAT(request.from_versions(), ElementsAre(1, 2));
  ASSERT_OK_AND_ASSIGN(auto read, ReadAs<model::StartRewrap>(request));
  EXPECT_EQ(read.name, "a/key");
  EXPECT_EQ(read.options, wanted.options);
  EXPECT_TRUE(read.dry_run);
}

TEST(WireRegisteredTest, AJobIsToldWholeAndReadsAsItWasWritten) {
  const model::Job given = TestJob();
  ASSERT_OK_AND_ASSIGN(auto job, AnswerOf<v1::Job>(given));
  EXPECT_EQ(job.job_id(), "4e0ffd6d-5d92-4f4c-8a3b-2c3f9a7f6e10");
  EXPECT_EQ(job.state(), v1::PARTIAL);
  EXPECT_THAT(job.from_versions(), ElementsAre(1, 3));
  EXPECT_EQ(job.batches_per_second(), 9u);
  EXPECT_EQ(job.min_share(), 12u);
  EXPECT_EQ(job.created_by(), "cn:root");
  EXPECT_EQ(job.create_time().seconds(), 1738310400);
  EXPECT_EQ(job.update_time().seconds(), 1738310401);
  EXPECT_EQ(job.finish_time().seconds(), 1738310402);
  EXPECT_EQ(job.batches_total(), 10u);
  EXPECT_EQ(job.deks_total(), 20u);
  EXPECT_EQ(job.batches_moved(), 30u);
  EXPECT_EQ(job.deks_moved(), 40u);
  EXPECT_EQ(job.batches_left(), 50u);
  EXPECT_EQ(job.deks_left(), 60u);
  EXPECT_EQ(job.failure_count(), 1u);
  ASSERT_EQ(job.failures_size(), 1);
  EXPECT_EQ(job.failures(0).reason(), "NOT_AUTHENTIC");
  EXPECT_EQ(job.failures(0).message(), "why");
  EXPECT_EQ(job.waits_for(), "the token");
  ASSERT_OK_AND_ASSIGN(model::Job read, wire::Read(job));
  EXPECT_EQ(read, given);
}

TEST(WireRegisteredTest, AnUnfinishedJobHasNoEndAndADryRunNoId) {
  ASSERT_OK_AND_ASSIGN(auto job, AnswerOf<v1::Job>(model::Job()));
  EXPECT_EQ(job.job_id(), "");
  EXPECT_EQ(job.state(), v1::RUNNING);
  EXPECT_FALSE(job.has_finish_time());
  ASSERT_OK_AND_ASSIGN(model::Job read, wire::Read(job));
  EXPECT_EQ(read, model::Job());
}

TEST(WireRegisteredTest, AJobStateOfALaterServiceIsNoFailure) {
  v1::ListJobsResponse jobs;
  jobs.add_jobs()->set_state(static_cast<v1::JobState>(99));
  ASSERT_OK_AND_ASSIGN(std::vector<model::Job> read, wire::Read(jobs));
  EXPECT_EQ(StateName(read[0].state), "UNKNOWN");
}

TEST(WireRegisteredTest, AReportIsGivenAsItIs) {
  EXPECT_EQ(AnswerOf<v1::JobReport>(model::JobReport{"document"})->document(),
            "document");
}

TEST(WireRegisteredTest, TheCensusIsToldAndReadsAsItWasWritten) {
  model::VersionCensus version;
  version.version = 2;
  version.batches = 3;
  version.deks = 4;
  version.traces.version = 2;
  version.traces.issued = 5;
  version.traces.first_issued = WallTime(std::chrono::seconds(7));
  version.claims = {{"cn:b", "h:/", 9, FakeClock::kStart}};
  version.nothing_depends = true;
  ASSERT_OK_AND_ASSIGN(auto census,
                       AnswerOf<v1::Census>(model::Census{version}));
  ASSERT_EQ(census.versions_size(), 1);
  EXPECT_EQ(census.versions(0).version(), 2u);
  EXPECT_EQ(census.versions(0).batches(), 3u);
  EXPECT_EQ(census.versions(0).registered_deks(), 4u);
  EXPECT_EQ(census.versions(0).traces().unregistered_wraps(), 5u);
  EXPECT_EQ(census.versions(0).traces().first_wrap_time().seconds(), 7);
  EXPECT_FALSE(census.versions(0).traces().has_last_unwrap_time());
  ASSERT_EQ(census.versions(0).claims_size(), 1);
  EXPECT_EQ(census.versions(0).claims(0).caller(), "cn:b");
  EXPECT_EQ(census.versions(0).claims(0).objects(), 9u);
  EXPECT_TRUE(census.versions(0).nothing_depends());
  EXPECT_THAT(wire::Read(census), ElementsAre(version));
}

TEST(WireRegisteredTest, AReportOfDependenceReadsAsItWasWritten) {
  const model::ReportDependence wanted{"some id", "host:/data", {{2, 11}}};
  v1::ReportDependenceRequest request;
  wire::Write(wanted, &request);
  ASSERT_OK_AND_ASSIGN(auto read, ReadAs<model::ReportDependence>(request));
  EXPECT_EQ(read.key_id, "some id");
  EXPECT_EQ(read.source, "host:/data");
  ASSERT_EQ(read.claimed.size(), 1u);
  EXPECT_EQ(read.claimed[0].version, 2u);
  EXPECT_EQ(read.claimed[0].objects, 11u);
}

}  // namespace
}  // namespace strongroom::testing
