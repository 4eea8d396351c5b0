#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/client_fixture.h"

namespace strongroom::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::HasReason;
using ::testing::HasSubstr;

using KeyCallsTest = testing::ClientTest;

TEST_F(KeyCallsTest, CreateSendsOnlyTheSettingsThatWereGiven) {
  service_.admin.on_CreateKey = [](const v1::CreateKeyRequest& request,
                                   v1::Key* key) {
    EXPECT_EQ(request.name(), "a");
    EXPECT_EQ(request.labels().at("env"), "prod");
    EXPECT_FALSE(request.has_rotation_period());
    EXPECT_FALSE(request.has_destroy_scheduled_duration());
    EXPECT_EQ(request.batch_policy().max_items(), 0u);
    EXPECT_EQ(request.batch_policy().max_age().seconds(), 1);
    EXPECT_EQ(request.batch_policy().max_age().nanos(), 500'000'000);
    key->set_name("a");
  };
  KeySettings settings;
  settings.labels = Labels{{"env", "prod"}};
  settings.max_age = milliseconds(1500);
  EXPECT_OK(client_->CreateKey("a", settings));
}

TEST_F(KeyCallsTest, EveryFieldOfAKeyArrives) {
  service_.admin.on_GetKey = [](const v1::GetKeyRequest&, v1::Key* key) {
    key->set_name("a");
    key->set_id("id");
    (*key->mutable_labels())["l"] = "v";
    key->set_primary_version(2);
    key->mutable_create_time()->set_seconds(10);
    key->mutable_rotation_period()->set_seconds(86400);
    key->mutable_next_rotation_time()->set_seconds(20);
    key->mutable_batch_policy()->set_max_items(5);
    key->mutable_batch_policy()->mutable_max_age()->set_nanos(7'000'000);
    key->mutable_destroy_scheduled_duration()->set_seconds(30);
    v1::KeyVersion* version = key->add_versions();
    version->set_version(1);
    version->set_state(v1::DESTROY_SCHEDULED);
    version->mutable_create_time()->set_nanos(5000);
    version->mutable_destroy_time()->set_seconds(40);
    version->set_kek_id("kek");
    version->set_seals(9);
    key->add_versions()->set_primary(true);
  };
  ASSERT_OK_AND_ASSIGN(Key key, client_->GetKey("a"));
  EXPECT_EQ(key.id, "id");
  EXPECT_EQ(key.labels.at("l"), "v");
  EXPECT_EQ(key.primary_version, 2u);
  EXPECT_EQ(key.created, WallTime(seconds(10)));
  EXPECT_EQ(key.rotation_period, seconds(86400));
  EXPECT_EQ(key.next_rotation, WallTime(seconds(20)));
  EXPECT_EQ(key.max_items, 5u);
  EXPECT_EQ(key.max_age, milliseconds(7));
  EXPECT_EQ(key.destroy_after, seconds(30));
  ASSERT_EQ(key.versions.size(), 2u);
  EXPECT_EQ(key.versions[0].state, "DESTROY_SCHEDULED");
  EXPECT_EQ(key.versions[0].created, WallTime(std::chrono::microseconds(5)));
  EXPECT_EQ(key.versions[0].destroy_time, WallTime(seconds(40)));
  EXPECT_EQ(key.versions[0].kek_id, "kek");
  EXPECT_EQ(key.versions[0].seals, 9u);
  EXPECT_TRUE(key.versions[1].primary);
  EXPECT_EQ(key.versions[1].destroy_time, std::nullopt);
}

TEST_F(KeyCallsTest, AStateOfALaterServiceIsShownByItsNumber) {
  service_.admin.on_EnableVersion = [](const auto&, v1::KeyVersion* version) {
    version->set_state(static_cast<v1::KeyVersionState>(99));
  };
  ASSERT_OK_AND_ASSIGN(KeyVersion version, client_->EnableVersion("a", 1));
  EXPECT_EQ(version.state, "STATE_99");
}

TEST_F(KeyCallsTest, TheMaskOfAnUpdateNamesWhatChanges) {
  service_.admin.on_UpdateKey = [](const v1::UpdateKeyRequest& request,
                                   v1::Key*) {
    EXPECT_EQ(request.key().name(), "a");
    EXPECT_THAT(request.update_mask().paths(),
                ElementsAre("labels", "rotation_period"));
    EXPECT_TRUE(request.key().labels().empty());
    EXPECT_FALSE(request.key().has_rotation_period());
  };
  KeySettings change;
  change.labels = Labels();
  change.rotation_period = seconds(0);
  EXPECT_OK(client_->UpdateKey("a", change));
  EXPECT_EQ(service_.script.Calls("UpdateKey"), 1);
  EXPECT_EQ(service_.script.Calls("GetKey"), 0);
}

TEST_F(KeyCallsTest, ChangingHalfTheBatchPolicyKeepsTheOtherHalf) {
  service_.admin.on_GetKey = [](const auto&, v1::Key* key) {
    key->mutable_batch_policy()->set_max_items(77);
    key->mutable_batch_policy()->mutable_max_age()->set_seconds(9);
  };
  service_.admin.on_UpdateKey = [](const v1::UpdateKeyRequest& request,
                                   v1::Key*) {
    EXPECT_THAT(request.update_mask().paths(), ElementsAre("batch_policy"));
    EXPECT_EQ(request.key().batch_policy().max_items(), 77u);
    EXPECT_EQ(request.key().batch_policy().max_age().seconds(), 2);
  };
  KeySettings change;
  change.max_age = seconds(2);
  EXPECT_OK(client_->UpdateKey("a", change));
  EXPECT_EQ(service_.script.Calls("UpdateKey"), 1);
}

TEST_F(KeyCallsTest, ListKeysReadsAllPages) {
  service_.admin.on_ListKeys = [](const v1::ListKeysRequest& request,
                                  v1::ListKeysResponse* response) {
    EXPECT_EQ(request.prefix(), "p/");
    response->add_keys()->set_name("p/" + request.page_token());
    if (request.page_token().empty()) response->set_next_page_token("2");
  };
  ASSERT_OK_AND_ASSIGN(std::vector<Key> keys, client_->ListKeys("p/"));
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[1].name, "p/2");
}

TEST_F(KeyCallsTest, APageThatLeadsToItselfEndsTheList) {
  service_.admin.on_ListKeys = [](const auto&, v1::ListKeysResponse* response) {
    response->set_next_page_token("again");
  };
  EXPECT_THAT(client_->ListKeys(""),
              HasReason(Reason::kInternal, HasSubstr("same page")));
  EXPECT_EQ(service_.script.Calls("ListKeys"), 2);
}

TEST_F(KeyCallsTest, VersionCallsNameKeyAndVersion) {
  service_.admin.on_ScheduleDestroyVersion =
      [](const v1::ScheduleDestroyVersionRequest& request,
         v1::KeyVersion* version) {
        EXPECT_EQ(request.name(), "a");
        EXPECT_EQ(request.version(), 3u);
        EXPECT_TRUE(request.acknowledge_unregistered());
        version->set_version(3);
        version->mutable_destroy_time()->set_seconds(50);
      };
  ASSERT_OK_AND_ASSIGN(KeyVersion version,
                       client_->ScheduleDestroyVersion("a", 3, true));
  EXPECT_EQ(version.destroy_time, WallTime(seconds(50)));
}

TEST_F(KeyCallsTest, StatusObjectsAndIdentityArrive) {
  service_.admin.on_GetStatus = [](const auto&, v1::GetStatusResponse* status) {
    status->set_version("1.2");
    status->set_hsm_healthy(true);
    status->set_items_opened(4);
    status->add_warnings("development only");
  };
  service_.admin.on_ListTokenObjects =
      [](const auto&, v1::ListTokenObjectsResponse* response) {
        response->add_objects()->set_owner("foreign");
      };
  service_.admin.on_GetSigningKey = [](const auto&, v1::SigningKey* response) {
    response->set_key_id("0a");
    response->set_public_key("PEM");
  };
  service_.admin.on_WhoAmI = [](const auto&, v1::WhoAmIResponse* response) {
    response->set_caller("dev");
    response->set_peer("CN=dev");
    response->add_grants("everything");
  };
  ASSERT_OK_AND_ASSIGN(ServiceStatus status, client_->GetStatus());
  EXPECT_EQ(status.version, "1.2");
  EXPECT_TRUE(status.hsm_healthy);
  EXPECT_EQ(status.items_opened, 4u);
  EXPECT_THAT(status.warnings, ElementsAre("development only"));
  ASSERT_OK_AND_ASSIGN(auto objects, client_->ListTokenObjects());
  EXPECT_EQ(objects.at(0).owner, "foreign");
  ASSERT_OK_AND_ASSIGN(PublicKey key, client_->GetSigningKey());
  EXPECT_EQ(key.key_id, "0a");
  EXPECT_EQ(key.pem, "PEM");
  ASSERT_OK_AND_ASSIGN(Identity identity, client_->WhoAmI());
  EXPECT_EQ(identity.caller, "dev");
  EXPECT_EQ(identity.subject, "CN=dev");
  EXPECT_THAT(identity.grants, ElementsAre("everything"));
}

}  // namespace
}  // namespace strongroom::client
