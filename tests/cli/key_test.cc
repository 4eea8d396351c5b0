// key ..., hsm objects, status, whoami.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/text.h"
#include "tests/cli/cli_fixture.h"

namespace strongroom::cli {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using testing::CliResult;
using ::testing::ElementsAre;
using testing::FakeClock;
using ::testing::HasSubstr;

class KeyTest : public testing::CliTest {
 protected:
  KeyTest() {
    client::KeyVersion version;
    version.version = 1;
    version.state = "ENABLED";
    version.primary = true;
    version.created = FakeClock::kStart - hours(72);
    version.kek_id = "kek-1";
    version.seals = 12;
    fake_.key.name = "pay/cards";
    fake_.key.id = "key-id";
    fake_.key.labels = {{"env", "prod"}};
    fake_.key.primary_version = 1;
    fake_.key.versions = {version};
    fake_.key.created = version.created;
    fake_.key.max_items = 1024;
    fake_.key.destroy_after = hours(720);
    fake_.key.registration = "OPTIONAL";
    fake_.key_version = version;
  }
};

TEST_F(KeyTest, SettingsReachTheService) {
  CliResult result =
      Run({"key", "create", "pay/cards", "--label", "env=prod", "--label",
           "x=", "--rotation-period", "90d", "--max-items", "7", "--max-age",
           "1500ms", "--destroy-after", "30d"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(fake_.calls, ElementsAre("CreateKey pay/cards"));
  EXPECT_EQ(fake_.settings.labels,
            (client::Labels{{"env", "prod"}, {"x", ""}}));
  EXPECT_EQ(fake_.settings.rotation_period, hours(90 * 24));
  EXPECT_EQ(fake_.settings.max_items, 7u);
  EXPECT_EQ(fake_.settings.max_age, milliseconds(1500));
  EXPECT_EQ(fake_.settings.destroy_after, hours(30 * 24));
}

TEST_F(KeyTest, SettingsThatAreNotGivenAreNotSent) {
  Run({"key", "create", "pay/cards"});
  EXPECT_EQ(fake_.settings.labels, std::nullopt);
  EXPECT_EQ(fake_.settings.rotation_period, std::nullopt);
  EXPECT_EQ(fake_.settings.max_items, std::nullopt);
  EXPECT_EQ(fake_.settings.max_age, std::nullopt);
  EXPECT_EQ(fake_.settings.destroy_after, std::nullopt);
}

TEST_F(KeyTest, AnUpdateCanTakeThingsAway) {
  Run({"key", "update", "pay/cards", "--no-labels", "--rotation-period", "0"});
  EXPECT_EQ(fake_.settings.labels, client::Labels());
  EXPECT_EQ(fake_.settings.rotation_period, seconds(0));
}

TEST_F(KeyTest, ShowSaysTimesBothWays) {
  fake_.key.rotation_period = hours(24 * 90);
  fake_.key.next_rotation = FakeClock::kStart + hours(24 * 87);
  EXPECT_THAT(
      Run({"key", "show", "pay/cards"}).out,
      AllOf(HasSubstr("2025-01-28 08:00:00 UTC (3 days ago)"),
            HasSubstr("every 90 days; next 2025-04-28 08:00:00 UTC (in 87 "
                      "days)"),
            HasSubstr("env=prod"), HasSubstr("ENABLED  primary  12")));
}

TEST_F(KeyTest, TheJsonOfAKeyHasStableNames) {
  nlohmann::json json =
      Run({"key", "show", "pay/cards", "--output", "json"}).Json();
  EXPECT_EQ(json, nlohmann::json::parse(R"({
    "name": "pay/cards", "id": "key-id", "labels": {"env": "prod"},
    "primary_version": 1, "create_time": "2025-01-28T08:00:00.000Z",
    "rotation_period_s": null, "next_rotation_time": null,
    "max_items": 1024, "max_age_ms": 0, "destroy_after_s": 2592000,
    "registration": "OPTIONAL", "rewrap_on_rotation": false,
    "retire_after_s": null,
    "versions": [{"version": 1, "state": "ENABLED", "primary": true,
      "create_time": "2025-01-28T08:00:00.000Z", "destroy_time": null, "destruction_held": false,
      "kek_id": "kek-1", "seals": 12, "retire_time": null}]})"));
  json = Run({"key", "list", "pay/", "--output", "json"}).Json();
  EXPECT_EQ(json.at("keys").at(0).at("name"), "pay/cards");
  EXPECT_THAT(fake_.calls, ElementsAre("GetKey pay/cards", "ListKeys pay/"));
}

TEST_F(KeyTest, VersionCommandsNameKeyAndVersion) {
  Run({"key", "enable", "k", "2"});
  Run({"key", "disable", "k", "2"});
  Run({"key", "destroy", "k", "2"});
  Run({"key", "cancel-destroy", "k", "2"});
  EXPECT_THAT(
      fake_.calls,
      ElementsAre("EnableVersion k 2", "DisableVersion k 2",
                  "ScheduleDestroyVersion k 2", "CancelDestroyVersion k 2"));
}

TEST_F(KeyTest, RotateSaysHowDeksAreMovedOrThatAJobDoesIt) {
  fake_.key.rewrap_on_rotation = false;
  EXPECT_THAT(Run({"key", "rotate", fake_.key.name}).out,
              HasSubstr("strongroom job start " + fake_.key.name));
  fake_.key.rewrap_on_rotation = true;
  EXPECT_THAT(Run({"key", "rotate", fake_.key.name}).out,
              HasSubstr("A job moves registered DEKs"));
}

TEST_F(KeyTest, DestroySaysWhenAndHowToCancel) {
  fake_.key_version.state = "DESTROY_SCHEDULED";
  fake_.key_version.destroy_time = FakeClock::kStart + hours(720);
  EXPECT_THAT(Run({"key", "destroy", "pay/cards", "1"}).out,
              AllOf(HasSubstr("2025-03-02 08:00:00 UTC (in 30 days)"),
                    HasSubstr("strongroom key cancel-destroy pay/cards 1")));
  nlohmann::json json =
      Run({"key", "destroy", "pay/cards", "1", "--output", "json"}).Json();
  EXPECT_EQ(json.at("key"), "pay/cards");
  EXPECT_EQ(json.at("destroy_time"), "2025-03-02T08:00:00.000Z");
}

TEST_F(KeyTest, ALabelOfAForeignObjectCannotCommandTheTerminal) {
  fake_.objects = {
      {"00ff", "evil\x1b[2J", "CKO_SECRET_KEY", "AES", "foreign", true, false}};
  std::string out = Run({"hsm", "objects"}).out;
  EXPECT_THAT(out, AllOf(HasSubstr("evil\\x1b[2J"), HasSubstr("yes"),
                         HasSubstr("no"), HasSubstr("foreign")));
  EXPECT_EQ(out.find('\x1b'), std::string::npos);
  nlohmann::json json = Run({"hsm", "objects", "--output", "json"}).Json();
  EXPECT_EQ(json.at("objects").at(0).at("sensitive"), true);
  EXPECT_EQ(json.at("objects").at(0).at("never_extractable"), false);
}

TEST_F(KeyTest, ThePublicKeyIsPrintedAsAFileOfPem) {
  fake_.public_key = {"0a0b", "-----BEGIN PUBLIC KEY-----\n"};
  EXPECT_EQ(Run({"hsm", "public-key"}).out, fake_.public_key.pem);
  nlohmann::json json = Run({"hsm", "public-key", "--output", "json"}).Json();
  EXPECT_EQ(json.at("key_id"), "0a0b");
  EXPECT_EQ(json.at("public_key"), fake_.public_key.pem);
}

TEST_F(KeyTest, StatusAndWhoAmISpeakBothForms) {
  fake_.status.version = "1.2";
  fake_.status.mode = "dev";
  fake_.status.hsm_healthy = false;
  fake_.status.hsm_detail = "removed";
  fake_.status.warnings = {"development only"};
  fake_.identity = {"alice", "CN=alice", {"everything on **"}};
  EXPECT_THAT(Run({"status"}).out,
              AllOf(HasSubstr("strongroomd 1.2 (dev)"),
                    HasSubstr("is NOT well: removed"),
                    HasSubstr("Warning: development only")));
  nlohmann::json json = Run({"status", "--output", "json"}).Json();
  EXPECT_EQ(json.at("hsm_healthy"), false);
  EXPECT_EQ(json.at("warnings").at(0), "development only");
  EXPECT_THAT(Run({"whoami"}).out,
              AllOf(HasSubstr("alice"), HasSubstr("everything on **")));
  EXPECT_EQ(Run({"whoami", "--output", "json"}).Json(),
            (nlohmann::json{{"caller", "alice"},
                            {"subject", "CN=alice"},
                            {"grants", {"everything on **"}}}));
}

TEST(TextTest, DurationsAreReadAndWritten) {
  struct Case {
    const char* text;
    int64_t ms;
    const char* shown;
  };
  const Case cases[] = {{"0", 0, "0 s"},
                        {"500ms", 500, "500 ms"},
                        {"2s", 2000, "2 s"},
                        {"90m", 5'400'000, "1 hour 30 minutes"},
                        {"24h", 86'400'000, "1 day"},
                        {"90d", 7'776'000'000, "90 days"}};
  for (const Case& one : cases) {
    ASSERT_OK_AND_ASSIGN(milliseconds parsed, ParseDuration("x", one.text));
    EXPECT_EQ(parsed.count(), one.ms);
    EXPECT_EQ(FormatDuration(parsed), one.shown);
  }
}

TEST(TextTest, AMomentLessThanThirtyDaysIsThirtyDays) {
  WallTime now = FakeClock::kStart;
  EXPECT_EQ(ShowTime(now + hours(720) - milliseconds(300), now),
            "2025-03-02 07:59:59 UTC (in 30 days)");
  EXPECT_EQ(ShowTime(now + seconds(90), now),
            "2025-01-31 08:01:30 UTC (in 1 minute 30 s)");
  EXPECT_EQ(ShowTime(now, now), "2025-01-31 08:00:00 UTC (now)");
}

TEST(TextTest, WhatIsNoDurationIsRefused) {
  for (const char* text : {"", "s", "5", "-5s", "5 s", "5S", "5sec", "1.5h",
                           "0x5s", "9223372036854775807d", "73201d"}) {
    EXPECT_FALSE(ParseDuration("x", text).ok()) << text;
  }
}

TEST(TextTest, OnlyWhatATerminalShowsIsPrintable) {
  EXPECT_EQ(Printable("Grüße \xe2\x82\xac"), "Grüße \xe2\x82\xac");
  EXPECT_EQ(Printable("\t"), "\\x09");
  EXPECT_EQ(Printable("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(Printable("\xc0\xaf"), "\\xc0\\xaf");
  EXPECT_EQ(Printable("\xe2\x82"), "\\xe2\\x82");
  EXPECT_TRUE(IsPrintable("two\nlines\tand a tab"));
  EXPECT_FALSE(IsPrintable("\r"));
  EXPECT_FALSE(IsPrintable("\x7f"));
  EXPECT_FALSE(IsPrintable("\xc2\x85"));
}

}  // namespace
}  // namespace strongroom::cli
