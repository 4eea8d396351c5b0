// Registered DEKs and rewrap jobs on the wire, in both directions.
#include <gmock/gmock.h>

#include "tests/rpc/edge_fixture.h"

namespace strongroom::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kDekId[] = "00000000-0000-0000-0000-000000000000:7";

registry::Job TestJob() {
  registry::Job job;
  job.row.id = *Uuid::Parse("4e0ffd6d-5d92-4f4c-8a3b-2c3f9a7f6e10");
  job.row.state = registry::JobState::kPartial;
  job.row.from = {1, 3};
  job.row.batches_per_second = 9;
  job.row.min_share = 12;
  job.row.created_by = "cn:root";
  job.row.created = FakeClock::kStart;
  job.row.updated = FakeClock::kStart + std::chrono::seconds(1);
  job.row.finished = FakeClock::kStart + std::chrono::seconds(2);
  job.row.batches_total = 10;
  job.row.deks_total = 20;
  job.row.batches_moved = 30;
  job.row.deks_moved = 40;
  job.row.failures = 1;
  job.row.waits_for = "the token";
  job.batches_left = 50;
  job.deks_left = 60;
  job.failures = {{job.row.id, Uuid(), "NOT_AUTHENTIC", "why"}};
  return job;
}

class RegisteredMethodsTest : public EdgeTest {
 protected:
  // What the service is told; it answers with one registered item.
  void ExpectSeal() {
    fake_.seal = [this](service::SealCommand& command) {
      command_ = std::move(command);
      service::SealResult result;
      result.key_name = "a/key";
      for (size_t i = 0; i < command_.items.size(); ++i) {
        service::SealedItem& item = result.items.emplace_back();
        item.header = std::make_shared<const Bytes>(Bytes{1});
        item.leaf = {2};
        item.id = registry::DekId{Uuid(), 7};
      }
      return result;
    };
  }

  service::SealCommand command_;
  grpc::ClientContext context_;
};

TEST_F(RegisteredMethodsTest, AWrapIsToldWhetherAndHowToRegister) {
  ExpectSeal();
  v1::WrapRequest request;
  request.set_register_(true);
  (*request.mutable_about()->mutable_labels())["env"] = "prod";
  request.mutable_about()->set_reference("vol-1");
  request.set_request_id(std::string(16, 'x'));
  v1::WrapResponse response;
  ASSERT_TRUE(keys_->Wrap(&context_, request, &response).ok());
  EXPECT_TRUE(command_.registers);
  EXPECT_THAT(command_.about.labels, ElementsAre(Pair("env", "prod")));
  EXPECT_EQ(command_.about.reference, "vol-1");
  EXPECT_EQ(command_.request_id, Bytes(16, 'x'));
  EXPECT_EQ(response.dek_id(), kDekId);
}

TEST_F(RegisteredMethodsTest, WithoutItNothingIsRegistered) {
  ExpectSeal();
  v1::WrapResponse response;
  ASSERT_TRUE(keys_->Wrap(&context_, v1::WrapRequest(), &response).ok());
  EXPECT_FALSE(command_.registers);
  EXPECT_TRUE(command_.request_id.empty());
}

TEST_F(RegisteredMethodsTest, ItemsOfABatchMayHaveTheirOwnLabels) {
  ExpectSeal();
  v1::BatchWrapRequest request;
  request.set_register_(true);
  request.mutable_about()->set_reference("all");
  request.add_items();
  request.add_items()->mutable_about()->set_reference("its own");
  v1::BatchWrapResponse response;
  ASSERT_TRUE(keys_->BatchWrap(&context_, request, &response).ok());
  EXPECT_EQ(command_.about.reference, "all");
  EXPECT_FALSE(command_.items[0].about.has_value());
  EXPECT_EQ(command_.items[1].about->reference, "its own");
  EXPECT_EQ(response.items(1).dek_id(), kDekId);
}

TEST_F(RegisteredMethodsTest, DataKeysAreRegisteredToo) {
  ExpectSeal();
  v1::GenerateDataKeyRequest request;
  request.set_register_(true);
  v1::GenerateDataKeyResponse response;
  ASSERT_TRUE(keys_->GenerateDataKey(&context_, request, &response).ok());
  EXPECT_TRUE(command_.registers);
  EXPECT_EQ(response.dek_id(), kDekId);

  v1::BatchGenerateDataKeysRequest batch;
  batch.set_register_(true);
  batch.set_count(2);
  batch.set_request_id("short");
  v1::BatchGenerateDataKeysResponse answers;
  grpc::ClientContext again;
  ASSERT_TRUE(keys_->BatchGenerateDataKeys(&again, batch, &answers).ok());
  EXPECT_EQ(command_.request_id.size(), 5u) << "the service judges it";
  EXPECT_EQ(answers.items(1).dek_id(), kDekId);
}

TEST_F(RegisteredMethodsTest, AnUnwrapMayNameAnId) {
  std::vector<service::OpenInput> seen;
  fake_.open = [&](service::OpenCommand& command) {
    for (service::OpenInput& item : command.items) seen.push_back(item);
    service::OpenResult result;
    result.items.resize(command.items.size());
    return result;
  };
  v1::UnwrapRequest request;
  request.set_dek_id(kDekId);
  v1::UnwrapResponse response;
  ASSERT_TRUE(keys_->Unwrap(&context_, request, &response).ok());
  v1::BatchUnwrapRequest batch;
  batch.add_items()->set_dek_id("x");
  batch.add_items()->set_wrapped_dek("y");
  v1::BatchUnwrapResponse answers;
  grpc::ClientContext again;
  ASSERT_TRUE(keys_->BatchUnwrap(&again, batch, &answers).ok());
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].dek_id, kDekId);
  EXPECT_TRUE(seen[0].token.empty());
  EXPECT_EQ(seen[1].dek_id, "x");
  EXPECT_EQ(seen[2].dek_id, "");
  EXPECT_EQ(AsText(seen[2].token), "y");
}

TEST_F(RegisteredMethodsTest, DeksAreListedWithTheirFilter) {
  fake_.deks.deks.push_back({.id = {Uuid(), 7},
                             .version = 3,
                             .labels = {{"env", "prod"}},
                             .reference = "vol-1",
                             .created = FakeClock::kStart});
  fake_.deks.next_page_token = "next";
  v1::ListDeksRequest request;
  request.set_name("a/key");
  request.set_key_version(3);
  (*request.mutable_labels())["env"] = "prod";
  request.set_page_size(9);
  request.set_page_token("here");
  v1::ListDeksResponse response;
  ASSERT_TRUE(admin_->ListDeks(&context_, request, &response).ok());
  EXPECT_EQ(fake_.query.key_name, "a/key");
  EXPECT_EQ(fake_.query.filter.version, 3u);
  EXPECT_THAT(fake_.query.filter.labels, ElementsAre(Pair("env", "prod")));
  EXPECT_EQ(fake_.query.page_size, 9u);
  EXPECT_EQ(fake_.query.page_token, "here");
  ASSERT_EQ(response.deks_size(), 1);
  const v1::Dek& dek = response.deks(0);
  EXPECT_EQ(dek.dek_id(), kDekId);
  EXPECT_EQ(dek.key_version(), 3u);
  EXPECT_THAT(dek.labels(), UnorderedElementsAre(Pair("env", "prod")));
  EXPECT_EQ(dek.reference(), "vol-1");
  EXPECT_EQ(dek.create_time().seconds(), 1738310400);
  EXPECT_EQ(response.next_page_token(), "next");
}

TEST_F(RegisteredMethodsTest, DeletingAndShreddingAreToldApart) {
  v1::DeleteDekRequest forget;
  forget.set_name("a/key");
  forget.set_dek_id(kDekId);
  v1::DeleteDekResponse forgotten;
  ASSERT_TRUE(admin_->DeleteDek(&context_, forget, &forgotten).ok());
  EXPECT_EQ(fake_.dek_id, kDekId);
  v1::ShredDekRequest shred;
  v1::ShredDekResponse shredded;
  grpc::ClientContext again;
  ASSERT_TRUE(admin_->ShredDek(&again, shred, &shredded).ok());
  ASSERT_EQ(fake_.calls().size(), 2u);
  EXPECT_EQ(fake_.calls()[0].operation, service::Operation::kDeleteDek);
  EXPECT_EQ(fake_.calls()[1].operation, service::Operation::kShredDek);
}

TEST_F(RegisteredMethodsTest, AJobIsToldWhole) {
  fake_.job = TestJob();
  v1::StartRewrapRequest request;
  request.set_name("a/key");
  request.add_from_versions(1);
  request.set_batches_per_second(9);
  request.set_min_share(13);
  request.set_dry_run(true);
  v1::Job job;
  ASSERT_TRUE(admin_->StartRewrap(&context_, request, &job).ok());
  EXPECT_EQ(fake_.name, "a/key");
  EXPECT_THAT(fake_.start_rewrap.options.from, ElementsAre(1));
  EXPECT_EQ(fake_.start_rewrap.options.batches_per_second, 9u);
  EXPECT_EQ(fake_.start_rewrap.options.min_share, 13u);
  EXPECT_TRUE(fake_.start_rewrap.dry_run);
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
}

TEST_F(RegisteredMethodsTest, AnUnfinishedJobHasNoEndAndADryRunNoId) {
  fake_.job = registry::Job();
  v1::GetJobReportRequest wanted;
  wanted.set_name("a/key");
  wanted.set_job_id("one");
  v1::JobReport report;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(admin_->GetJobReport(&context, wanted, &report).ok());
  }
  EXPECT_EQ(report.document(), "a/key one");
  v1::GetJobRequest request;
  request.set_job_id("x");
  v1::Job job;
  ASSERT_TRUE(admin_->GetJob(&context_, request, &job).ok());
  EXPECT_EQ(fake_.job_id, "x");
  EXPECT_EQ(job.job_id(), "");
  EXPECT_EQ(job.state(), v1::RUNNING);
  EXPECT_FALSE(job.has_finish_time());
}

TEST_F(RegisteredMethodsTest, TheMovesOfAJobAreToldApart) {
  fake_.job = TestJob();
  v1::Job job;
  grpc::ClientContext contexts[3];
  ASSERT_TRUE(admin_->PauseJob(&contexts[0], {}, &job).ok());
  ASSERT_TRUE(admin_->ResumeJob(&contexts[1], {}, &job).ok());
  ASSERT_TRUE(admin_->CancelJob(&contexts[2], {}, &job).ok());
  std::vector<service::Operation> seen;
  for (const auto& call : fake_.calls()) seen.push_back(call.operation);
  EXPECT_THAT(seen, ElementsAre(service::Operation::kPauseJob,
                                service::Operation::kResumeJob,
                                service::Operation::kCancelJob));
}

TEST_F(RegisteredMethodsTest, TheCensusIsTold) {
  store::CensusRow row;
  row.version = 2;
  row.batches = 3;
  row.deks = 4;
  service::CensusVersion version;
  version.registered = row;
  version.traces.issued = 5;
  version.traces.first_issued = WallTime(std::chrono::seconds(7));
  version.claims = {{.caller = "cn:b", .source = "h:/", .objects = 9}};
  version.nothing_depends = true;
  fake_.census.versions = {version};
  v1::GetCensusRequest request;
  request.set_name("a/key");
  v1::Census census;
  ASSERT_TRUE(admin_->GetCensus(&context_, request, &census).ok());
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
}

TEST_F(RegisteredMethodsTest, AReportReachesTheService) {
  v1::ReportDependenceRequest request;
  request.set_key_id("some id");
  request.set_source("host:/data");
  request.add_counts()->set_version(2);
  request.mutable_counts(0)->set_objects(11);
  v1::ReportDependenceResponse response;
  ASSERT_TRUE(admin_->ReportDependence(&context_, request, &response).ok());
  EXPECT_EQ(fake_.report_command.key_id, "some id");
  EXPECT_EQ(fake_.report_command.source, "host:/data");
  ASSERT_EQ(fake_.report_command.claimed.size(), 1u);
  EXPECT_EQ(fake_.report_command.claimed[0].version, 2u);
  EXPECT_EQ(fake_.report_command.claimed[0].objects, 11u);
}

TEST_F(RegisteredMethodsTest, TheAcknowledgementIsTheCallersToGive) {
  keyring::Key key{.id = Uuid::Random(), .name = "a/key"};
  key.versions = {{.number = 1}};
  fake_.view = service::KeyView{std::make_shared<const keyring::Key>(key), {}};
  fake_.view->traces = keyring::Traces{.version = 1, .issued = 3};
  for (bool acknowledged : {false, true}) {
    grpc::ClientContext context;
    v1::ScheduleDestroyVersionRequest request;
    request.set_name("a/key");
    request.set_version(1);
    request.set_acknowledge_unregistered(acknowledged);
    v1::KeyVersion version;
    ASSERT_TRUE(
        admin_->ScheduleDestroyVersion(&context, request, &version).ok());
    EXPECT_EQ(fake_.acknowledged, acknowledged);
    EXPECT_EQ(version.traces().unregistered_wraps(), 3u);
  }
}

}  // namespace
}  // namespace strongroom::testing
