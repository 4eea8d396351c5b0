// The lifecycle's translation, in both directions.
#include <gmock/gmock.h>

#include "tests/rpc/edge_fixture.h"

namespace strongroom::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

service::KeyView TestView() {
  auto key = std::make_shared<keyring::Key>(keyring::Key{
      .id = Uuid(),
      .name = "demo/app",
      .settings = {.labels = {{"env", "prod"}},
                   .rotation_period = std::chrono::hours(24),
                   .batch = {.max_items = 8,
                             .max_age = std::chrono::milliseconds(1500)},
                   .destroy_after = std::chrono::hours(1)},
      .primary = 2,
      .next_rotation = FakeClock::kStart + std::chrono::hours(24),
      .created = FakeClock::kStart,
  });
  key->versions.push_back(
      {.number = 1,
       .kek_id = Uuid(),
       .state = keyring::VersionState::kDestroyScheduled,
       .created = FakeClock::kStart,
       .destroy_time = FakeClock::kStart + std::chrono::microseconds(1500)});
  key->versions.push_back({.number = 2,
                           .kek_id = Uuid(),
                           .state = keyring::VersionState::kEnabled,
                           .created = FakeClock::kStart,
                           .destroy_time = {}});
  return {.key = std::move(key), .seals = {10, 20}};
}

class AdminMethodsTest : public EdgeTest {
 protected:
  grpc::ClientContext context_;
};

TEST_F(AdminMethodsTest, AKeyIsToldWhole) {
  fake_.view = TestView();
  v1::GetKeyRequest request;
  request.set_name("demo/app");
  v1::Key key;
  ASSERT_TRUE(admin_->GetKey(&context_, request, &key).ok());
  EXPECT_EQ(fake_.name, "demo/app");
  EXPECT_EQ(key.name(), "demo/app");
  EXPECT_EQ(key.id(), "00000000-0000-0000-0000-000000000000");
  EXPECT_THAT(key.labels(), UnorderedElementsAre(Pair("env", "prod")));
  EXPECT_EQ(key.primary_version(), 2u);
  EXPECT_EQ(key.rotation_period().seconds(), 86400);
  EXPECT_EQ(key.next_rotation_time().seconds(), 1738310400 + 86400);
  EXPECT_EQ(key.batch_policy().max_items(), 8u);
  EXPECT_EQ(key.batch_policy().max_age().seconds(), 1);
  EXPECT_EQ(key.batch_policy().max_age().nanos(), 500'000'000);
  EXPECT_EQ(key.destroy_scheduled_duration().seconds(), 3600);
  ASSERT_EQ(key.versions_size(), 2);
  EXPECT_EQ(key.versions(0).state(), v1::DESTROY_SCHEDULED);
  EXPECT_EQ(key.versions(0).destroy_time().seconds(), 1738310400);
  EXPECT_EQ(key.versions(0).destroy_time().nanos(), 1'500'000);
  EXPECT_EQ(key.versions(0).seals(), 10u);
  EXPECT_FALSE(key.versions(0).primary());
  EXPECT_EQ(key.versions(1).state(), v1::ENABLED);
  EXPECT_FALSE(key.versions(1).has_destroy_time());
  EXPECT_TRUE(key.versions(1).primary());
}

TEST_F(AdminMethodsTest, CreateKeyPassesEverySettingOn) {
  fake_.view = TestView();
  v1::CreateKeyRequest request;
  request.set_name("demo/app");
  (*request.mutable_labels())["env"] = "prod";
  request.mutable_rotation_period()->set_seconds(7200);
  request.mutable_batch_policy()->set_max_items(16);
  request.mutable_batch_policy()->mutable_max_age()->set_nanos(5'000'000);
  request.mutable_destroy_scheduled_duration()->set_seconds(60);
  v1::Key key;
  ASSERT_TRUE(admin_->CreateKey(&context_, request, &key).ok());
  EXPECT_THAT(fake_.settings.labels, ElementsAre(Pair("env", "prod")));
  EXPECT_EQ(fake_.settings.rotation_period, std::chrono::seconds(7200));
  EXPECT_EQ(fake_.settings.batch.max_items, 16u);
  EXPECT_EQ(fake_.settings.batch.max_age, std::chrono::milliseconds(5));
  EXPECT_EQ(fake_.settings.destroy_after, std::chrono::seconds(60));
}

TEST_F(AdminMethodsTest, CreateKeyWithTheNameAloneHasTheDefaults) {
  fake_.view = TestView();
  v1::Key key;
  ASSERT_TRUE(admin_->CreateKey(&context_, {}, &key).ok());
  EXPECT_EQ(fake_.settings.rotation_period, std::chrono::seconds(0));
  EXPECT_EQ(fake_.settings.batch, model::BatchPolicy());
  EXPECT_EQ(fake_.settings.destroy_after, std::chrono::seconds(30 * 86400));
}

struct BadDuration {
  int64_t seconds;
  int32_t nanos;
};

TEST_F(AdminMethodsTest, DurationsThatAreNotWholeSecondsAreRefused) {
  for (BadDuration bad :
       {BadDuration{-1, 0}, BadDuration{0, 1}, BadDuration{1, -1},
        BadDuration{1, 1'000'000'000}, BadDuration{INT64_MAX, 0},
        BadDuration{INT64_MIN, 0}}) {
    grpc::ClientContext context;
    v1::CreateKeyRequest request;
    request.mutable_rotation_period()->set_seconds(bad.seconds);
    request.mutable_rotation_period()->set_nanos(bad.nanos);
    v1::Key key;
    grpc::Status status = admin_->CreateKey(&context, request, &key);
    EXPECT_EQ(ErrorInfoOf(status).reason(), "ARGUMENT_INVALID");
    EXPECT_THAT(status.error_message(), HasSubstr("rotation_period"));
  }
  EXPECT_EQ(fake_.refusals().size(), 6u);
}

TEST_F(AdminMethodsTest, AMaxAgeFinerThanAMillisecondIsRefused) {
  v1::CreateKeyRequest request;
  request.mutable_batch_policy()->mutable_max_age()->set_nanos(999'999);
  v1::Key key;
  grpc::Status status = admin_->CreateKey(&context_, request, &key);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "ARGUMENT_INVALID");
}

TEST_F(AdminMethodsTest, UpdateKeyTakesOnlyWhatTheMaskNames) {
  fake_.view = TestView();
  v1::UpdateKeyRequest request;
  request.mutable_key()->set_name("demo/app");
  (*request.mutable_key()->mutable_labels())["a"] = "b";
  request.mutable_key()->mutable_rotation_period()->set_seconds(7200);
  request.mutable_update_mask()->add_paths("labels");
  v1::Key key;
  ASSERT_TRUE(admin_->UpdateKey(&context_, request, &key).ok());
  EXPECT_THAT(*fake_.change.labels, ElementsAre(Pair("a", "b")));
  EXPECT_FALSE(fake_.change.rotation_period.has_value());
  EXPECT_FALSE(fake_.change.batch.has_value());
  EXPECT_FALSE(fake_.change.destroy_after.has_value());
}

TEST_F(AdminMethodsTest, AnAbsentRotationPeriodThatTheMaskNamesIsTakenAway) {
  fake_.view = TestView();
  v1::UpdateKeyRequest request;
  request.mutable_update_mask()->add_paths("rotation_period");
  v1::Key key;
  ASSERT_TRUE(admin_->UpdateKey(&context_, request, &key).ok());
  EXPECT_EQ(fake_.change.rotation_period, std::chrono::seconds(0));
}

TEST_F(AdminMethodsTest, AnEmptyMaskIsRefused) {
  v1::Key key;
  grpc::Status status = admin_->UpdateKey(&context_, {}, &key);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "ARGUMENT_INVALID");
}

TEST_F(AdminMethodsTest, AMaskWithAFieldThatCannotChangeIsRefused) {
  for (const char* path : {"name", "primary_version", "batch_policy.max_items",
                           "", "destroy_scheduled_duration"}) {
    grpc::ClientContext context;
    v1::UpdateKeyRequest request;
    request.mutable_update_mask()->add_paths(path);
    v1::Key key;
    grpc::Status status = admin_->UpdateKey(&context, request, &key);
    EXPECT_EQ(ErrorInfoOf(status).reason(), "ARGUMENT_INVALID") << path;
  }
}

TEST_F(AdminMethodsTest, EachVersionRpcTellsTheServiceWhichItIs) {
  fake_.view = TestView();
  v1::KeyVersion version;
  auto move = [&](auto method, auto request, service::Operation operation) {
    grpc::ClientContext context;
    request.set_name("demo/app");
    request.set_version(1);
    grpc::Status status = (admin_.get()->*method)(&context, request, &version);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(fake_.calls().back().operation, operation);
    EXPECT_EQ(fake_.version, 1u);
    EXPECT_EQ(version.version(), 1u);
  };
  using Stub = v1::KeyAdmin::Stub;
  move(&Stub::EnableVersion, v1::EnableVersionRequest(),
       service::Operation::kEnableVersion);
  move(&Stub::DisableVersion, v1::DisableVersionRequest(),
       service::Operation::kDisableVersion);
  move(&Stub::ScheduleDestroyVersion, v1::ScheduleDestroyVersionRequest(),
       service::Operation::kScheduleDestroyVersion);
  move(&Stub::CancelDestroyVersion, v1::CancelDestroyVersionRequest(),
       service::Operation::kCancelDestroyVersion);
}

TEST_F(AdminMethodsTest, AnAnswerWithoutTheMovedVersionIsAFaultOfOurs) {
  fake_.view = TestView();
  v1::DisableVersionRequest request;
  request.set_version(9);
  v1::KeyVersion version;
  EXPECT_EQ(admin_->DisableVersion(&context_, request, &version).error_code(),
            grpc::StatusCode::INTERNAL);
}

TEST_F(AdminMethodsTest, ListKeysPassesThePageOn) {
  service::ListResult list;
  list.keys.push_back(TestView());
  list.next_page_token = "next";
  fake_.list = list;
  v1::ListKeysRequest request;
  request.set_prefix("demo/");
  request.set_page_size(3);
  request.set_page_token("here");
  v1::ListKeysResponse response;
  ASSERT_TRUE(admin_->ListKeys(&context_, request, &response).ok());
  EXPECT_EQ(fake_.name, "demo/");
  EXPECT_EQ(fake_.page_size, 3u);
  EXPECT_EQ(fake_.page_token, "here");
  EXPECT_EQ(response.keys(0).name(), "demo/app");
  EXPECT_EQ(response.next_page_token(), "next");
}

TEST_F(AdminMethodsTest, AnObjectWithABinaryLabelIsStillListed) {
  keyring::OwnedObject object;
  object.object.id = {0x01, 0xfe};
  object.object.label = "\xff\x00";
  object.owner = "foreign";
  object.object.sensitive = true;
  fake_.objects = std::vector<keyring::OwnedObject>{object};
  v1::ListTokenObjectsResponse response;
  ASSERT_TRUE(admin_->ListTokenObjects(&context_, {}, &response).ok());
  EXPECT_EQ(response.objects(0).id(), "01fe");
  EXPECT_EQ(response.objects(0).label(), "hex:ff");
  EXPECT_EQ(response.objects(0).owner(), "foreign");
  EXPECT_TRUE(response.objects(0).sensitive());
  EXPECT_FALSE(response.objects(0).never_extractable());
}

TEST_F(AdminMethodsTest, TheSigningKeyIsGivenAsItIs) {
  fake_.signing_key = keyring::SigningKey::Exported{"0a", "PEM"};
  v1::SigningKey response;
  ASSERT_TRUE(admin_->GetSigningKey(&context_, {}, &response).ok());
  EXPECT_EQ(response.key_id(), "0a");
  EXPECT_EQ(response.public_key(), "PEM");
}

TEST_F(AdminMethodsTest, StatusJoinsTheServersFactsAndTheServices) {
  fake_.report.device.token_label = "token";
  fake_.report.health.condition = hsm::DeviceCondition::kAway;
  fake_.report.health.detail = "unplugged";
  fake_.report.keys = 4;
  v1::GetStatusResponse response;
  ASSERT_TRUE(admin_->GetStatus(&context_, {}, &response).ok());
  EXPECT_EQ(response.version(), "9.9.9");
  EXPECT_EQ(response.mode(), "dev");
  EXPECT_EQ(response.start_time().seconds(), 1738310400);
  EXPECT_THAT(response.warnings(), ElementsAre("a warning"));
  EXPECT_EQ(response.token_label(), "token");
  EXPECT_FALSE(response.hsm_healthy());
  EXPECT_EQ(response.hsm_detail(), "unplugged");
  EXPECT_EQ(response.keys(), 4u);
}

}  // namespace
}  // namespace strongroom::testing
