// Keys on the wire, in both directions.
#include "wire/key.h"

#include <gmock/gmock.h>

#include "tests/testing/fake_clock.h"
#include "tests/wire/round_trip.h"

namespace strongroom::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

model::Key TestKey() {
  model::Key key{
      .id = *Uuid::Parse("4e0ffd6d-5d92-4f4c-8a3b-2c3f9a7f6e10"),
      .name = "demo/app",
      .settings = {.labels = {{"env", "prod"}},
                   .rotation_period = std::chrono::hours(24),
                   .batch = {.max_items = 8,
                             .max_age = std::chrono::milliseconds(1500)},
                   .destroy_after = std::chrono::hours(1),
                   .registration = model::RegistrationRule::kRequired,
                   .rewrap_on_rotation = true,
                   .retire_after = std::chrono::hours(2)},
      .primary = 2,
      .next_rotation = FakeClock::kStart + std::chrono::hours(24),
      .created = FakeClock::kStart};
  key.versions.push_back(
      {.number = 1,
       .state = model::VersionState::kDestroyScheduled,
       .seals = 10,
       .created = FakeClock::kStart,
       .destroy_time = FakeClock::kStart + std::chrono::microseconds(1500),
       .destruction_held = true});
  key.versions.push_back({.number = 2,
                          .kek_id = Uuid::Random(),
                          .state = model::VersionState::kEnabled,
                          .seals = 20,
                          .created = FakeClock::kStart,
                          .retire_time = FakeClock::kStart});
  return key;
}

TEST(WireKeyTest, AKeyIsToldWhole) {
  ASSERT_OK_AND_ASSIGN(v1::Key key, AnswerOf<v1::Key>(TestKey()));
  EXPECT_EQ(key.name(), "demo/app");
  EXPECT_EQ(key.id(), "4e0ffd6d-5d92-4f4c-8a3b-2c3f9a7f6e10");
  EXPECT_THAT(key.labels(), UnorderedElementsAre(Pair("env", "prod")));
  EXPECT_EQ(key.primary_version(), 2u);
  EXPECT_EQ(key.rotation_period().seconds(), 86400);
  EXPECT_EQ(key.next_rotation_time().seconds(), 1738310400 + 86400);
  EXPECT_EQ(key.batch_policy().max_items(), 8u);
  EXPECT_EQ(key.batch_policy().max_age().seconds(), 1);
  EXPECT_EQ(key.batch_policy().max_age().nanos(), 500'000'000);
  EXPECT_EQ(key.destroy_scheduled_duration().seconds(), 3600);
  EXPECT_EQ(key.registration(), v1::REQUIRED);
  EXPECT_TRUE(key.rewrap_on_rotation());
  EXPECT_EQ(key.retire_after().seconds(), 7200);
  ASSERT_EQ(key.versions_size(), 2);
  EXPECT_EQ(key.versions(0).state(), v1::DESTROY_SCHEDULED);
  EXPECT_EQ(key.versions(0).destroy_time().seconds(), 1738310400);
  EXPECT_EQ(key.versions(0).destroy_time().nanos(), 1'500'000);
  EXPECT_TRUE(key.versions(0).destruction_held());
  EXPECT_EQ(key.versions(0).seals(), 10u);
  EXPECT_FALSE(key.versions(0).primary());
  EXPECT_EQ(key.versions(1).state(), v1::ENABLED);
  EXPECT_FALSE(key.versions(1).has_destroy_time());
  EXPECT_TRUE(key.versions(1).primary());
}

TEST(WireKeyTest, AKeyReadsAsItWasWritten) {
  model::Key plain;
  plain.settings = {};
  for (const model::Key& key : {TestKey(), plain}) {
    ASSERT_OK_AND_ASSIGN(v1::Key written, AnswerOf<v1::Key>(key));
    ASSERT_OK_AND_ASSIGN(model::Key read, wire::Read(written));
    EXPECT_EQ(read, key);
  }
  model::KeyPage page{{TestKey()}, "next"};
  ASSERT_OK_AND_ASSIGN(auto written, AnswerOf<v1::ListKeysResponse>(page));
  ASSERT_OK_AND_ASSIGN(model::KeyPage read, wire::Read(written));
  EXPECT_EQ(read.keys, page.keys);
  EXPECT_EQ(read.next_page_token, "next");
}

TEST(WireKeyTest, TheUseOfAKeyIsItsVersionsWithTheirTraces) {
  model::Key key = TestKey();
  key.versions[0].traces = model::Traces{.version = 1, .issued = 3};
  ASSERT_OK_AND_ASSIGN(auto usage, AnswerOf<v1::KeyUsage>(key));
  ASSERT_EQ(usage.versions_size(), 2);
  EXPECT_EQ(usage.versions(0).seals(), 10u);
  EXPECT_EQ(usage.versions(0).traces().unregistered_wraps(), 3u);
  EXPECT_TRUE(usage.versions(1).primary());
  ASSERT_OK_AND_ASSIGN(auto read, wire::Read(usage));
  EXPECT_EQ(read, key.versions);
}

TEST(WireKeyTest, AMovedVersionReadsAsItWasWritten) {
  model::MovedVersion moved{TestKey().versions[0], true};
  moved.version.traces = model::Traces{.version = 1,
                                       .issued = 3,
                                       .uncounted = true,
                                       .first_issued = FakeClock::kStart,
                                       .last_opened = FakeClock::kStart};
  ASSERT_OK_AND_ASSIGN(auto written, AnswerOf<v1::KeyVersion>(moved));
  EXPECT_EQ(written.traces().unregistered_wraps(), 3u);
  EXPECT_FALSE(written.traces().has_last_wrap_time());
  ASSERT_OK_AND_ASSIGN(model::MovedVersion read, wire::Read(written));
  EXPECT_EQ(read.version, moved.version);
  EXPECT_TRUE(read.primary);
}

TEST(WireKeyTest, AStateOrRuleOfALaterServiceIsNoFailure) {
  v1::Key key;
  key.set_registration(static_cast<v1::Registration>(17));
  key.add_versions()->set_state(static_cast<v1::KeyVersionState>(77));
  key.add_versions()->set_state(static_cast<v1::KeyVersionState>(-1));
  ASSERT_OK_AND_ASSIGN(model::Key read, wire::Read(key));
  EXPECT_EQ(RuleName(read.settings.registration), "UNKNOWN");
  EXPECT_EQ(static_cast<int>(read.versions[0].state), 77);
  EXPECT_EQ(StateName(read.versions[1].state), "UNKNOWN");
}

TEST(WireKeyTest, AnAnswerWhoseIdIsNoneIsAFault) {
  v1::Key key;
  key.set_id("not an id");
  EXPECT_THAT(wire::Read(key), HasReason(Reason::kInternal, HasSubstr("id")));
  v1::KeyVersion version;
  version.set_kek_id("neither");
  EXPECT_THAT(wire::Read(version), HasReason(Reason::kInternal));
}

TEST(WireKeyTest, CreateKeyPassesEverySettingOn) {
  model::CreateKey wanted{"demo/app", TestKey().settings};
  v1::CreateKeyRequest request;
  wire::Write(wanted, &request);
  EXPECT_EQ(request.batch_policy().max_items(), 8u);
  ASSERT_OK_AND_ASSIGN(auto read, ReadAs<model::CreateKey>(request));
  EXPECT_EQ(read.name, "demo/app");
  EXPECT_EQ(read.settings, wanted.settings);
}

TEST(WireKeyTest, CreateKeyWithTheNameAloneHasTheDefaults) {
  ASSERT_OK_AND_ASSIGN(auto read,
                       ReadAs<model::CreateKey>(v1::CreateKeyRequest()));
  EXPECT_EQ(read.settings, model::KeySettings());
  EXPECT_EQ(read.settings.destroy_after, std::chrono::hours(30 * 24));
}

struct BadDuration {
  int64_t seconds;
  int32_t nanos;
};

TEST(WireKeyTest, DurationsThatAreNotWholeSecondsAreRefused) {
  for (BadDuration bad :
       {BadDuration{-1, 0}, BadDuration{0, 1}, BadDuration{1, -1},
        BadDuration{1, 1'000'000'000}, BadDuration{INT64_MAX, 0},
        BadDuration{INT64_MIN, 0}}) {
    v1::CreateKeyRequest request;
    request.mutable_rotation_period()->set_seconds(bad.seconds);
    request.mutable_rotation_period()->set_nanos(bad.nanos);
    EXPECT_THAT(
        ReadAs<model::CreateKey>(request),
        HasReason(Reason::kArgumentInvalid, HasSubstr("rotation_period")));
  }
}

TEST(WireKeyTest, AMaxAgeFinerThanAMillisecondIsRefused) {
  v1::CreateKeyRequest request;
  request.mutable_batch_policy()->mutable_max_age()->set_nanos(999'999);
  EXPECT_THAT(ReadAs<model::CreateKey>(request),
              HasReason(Reason::kArgumentInvalid));
}

TEST(WireKeyTest, ARuleThatIsNoneIsRefused) {
  v1::CreateKeyRequest request;
  request.set_registration(static_cast<v1::Registration>(17));
  EXPECT_THAT(ReadAs<model::CreateKey>(request),
              HasReason(Reason::kArgumentInvalid));
}

TEST(WireKeyTest, UpdateKeyTakesOnlyWhatTheMaskNames) {
  v1::UpdateKeyRequest request;
  request.mutable_key()->set_name("demo/app");
  (*request.mutable_key()->mutable_labels())["a"] = "b";
  request.mutable_key()->mutable_rotation_period()->set_seconds(7200);
  request.mutable_update_mask()->add_paths("labels");
  ASSERT_OK_AND_ASSIGN(auto read, ReadAs<model::UpdateKey>(request));
  EXPECT_EQ(read.name, "demo/app");
  EXPECT_THAT(*read.change.labels, ElementsAre(Pair("a", "b")));
  EXPECT_FALSE(read.change.rotation_period.has_value());
  EXPECT_FALSE(read.change.batch.has_value());
  EXPECT_FALSE(read.change.destroy_after.has_value());
}

TEST(WireKeyTest, AChangeReadsAsItWasWritten) {
  model::KeySettings other = TestKey().settings;
  const model::UpdateKey all{
      "demo/app",
      {other.labels, other.rotation_period, other.batch, other.destroy_after,
       other.registration, other.rewrap_on_rotation, other.retire_after}};
  v1::UpdateKeyRequest request;
  wire::Write(all, &request);
  ASSERT_OK_AND_ASSIGN(auto read, ReadAs<model::UpdateKey>(request));
  EXPECT_EQ(read.name, "demo/app");
  EXPECT_EQ(Changed({}, read.change), other);
}

TEST(WireKeyTest, AnAbsentRotationPeriodThatTheMaskNamesIsTakenAway) {
  v1::UpdateKeyRequest request;
  request.mutable_update_mask()->add_paths("rotation_period");
  ASSERT_OK_AND_ASSIGN(auto read, ReadAs<model::UpdateKey>(request));
  EXPECT_EQ(read.change.rotation_period, std::chrono::seconds(0));
}

TEST(WireKeyTest, AnEmptyMaskIsRefused) {
  EXPECT_THAT(ReadAs<model::UpdateKey>(v1::UpdateKeyRequest()),
              HasReason(Reason::kArgumentInvalid));
}

TEST(WireKeyTest, AMaskWithAFieldThatCannotChangeIsRefused) {
  for (const char* path : {"name", "primary_version", "batch_policy.max_items",
                           "", "destroy_scheduled_duration"}) {
    v1::UpdateKeyRequest request;
    request.mutable_update_mask()->add_paths(path);
    EXPECT_THAT(ReadAs<model::UpdateKey>(request),
                HasReason(Reason::kArgumentInvalid))
        << path;
  }
}

TEST(WireKeyTest, EachVersionRpcNamesItsVersion) {
  const auto expect = [](auto request) {
    request.set_name("demo/app");
    request.set_version(9);
    ASSERT_OK_AND_ASSIGN(auto read, ReadAs<model::MoveVersion>(request));
    EXPECT_EQ(read.name, "demo/app");
    EXPECT_EQ(read.version, 9u);
    EXPECT_FALSE(read.acknowledge_unregistered);
  };
  expect(v1::EnableVersionRequest());
  expect(v1::DisableVersionRequest());
  expect(v1::ScheduleDestroyVersionRequest());
  expect(v1::CancelDestroyVersionRequest());
}

TEST(WireKeyTest, TheAcknowledgementIsTheCallersToGive) {
  v1::ScheduleDestroyVersionRequest request;
  request.set_acknowledge_unregistered(true);
  ASSERT_OK_AND_ASSIGN(auto read, ReadAs<model::MoveVersion>(request));
  EXPECT_TRUE(read.acknowledge_unregistered);
}

TEST(WireKeyTest, ListKeysPassesThePageOn) {
  v1::ListKeysRequest request;
  request.set_prefix("demo/");
  request.set_page_size(3);
  request.set_page_token("here");
  ASSERT_OK_AND_ASSIGN(auto read, ReadAs<model::ListKeys>(request));
  EXPECT_EQ(read.prefix, "demo/");
  EXPECT_EQ(read.page_size, 3u);
  EXPECT_EQ(read.page_token, "here");
}

}  // namespace
}  // namespace strongroom::testing
