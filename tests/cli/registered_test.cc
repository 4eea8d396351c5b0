// strongroom dek, job, key census; and --register.
#include <gmock/gmock.h>

#include "tests/cli/cli_fixture.h"

namespace strongroom::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr char kJobId[] = "4e0ffd6d-5d92-4f4c-8a3b-2c3f9a7f6e10";

class RegisteredCliTest : public CliTest {
 protected:
  RegisteredCliTest() {
    fake_.deks.push_back(
        {fake_.dek_id, 3, {{{"env", "prod"}}, "vol-1"}, clock_.Now()});
    fake_.job.id = kJobId;
    fake_.job.state = "DONE";
    fake_.job.created_by = "cn:root";
    fake_.job.created = clock_.Now();
    fake_.job.updated = clock_.Now() + std::chrono::seconds(2);
    fake_.job.finished = clock_.Now() + std::chrono::seconds(2);
    fake_.job.batches_moved = 8;
    fake_.job.deks_moved = 9;
  }
};

TEST_F(RegisteredCliTest, WrapRegistersAndSaysTheId) {
  const CliResult result =
      Run({"wrap", "a/key", "--register", "--label", "env=prod", "--reference",
           "vol-1", "--out", dir_.File("w")},
          fake_.dek);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("registered as " + fake_.dek_id));
  ASSERT_TRUE(fake_.registering.has_value());
  EXPECT_THAT(fake_.registering->about.labels,
              ElementsAre(Pair("env", "prod")));
  EXPECT_EQ(fake_.registering->about.reference, "vol-1");
}

TEST_F(RegisteredCliTest, WithoutRegisterNothingIsRegistered) {
  EXPECT_EQ(Run({"wrap", "a/key"}, fake_.dek).exit_code, 0);
  EXPECT_FALSE(fake_.registering.has_value());
}

TEST_F(RegisteredCliTest, WhatBelongsToRegisterIsRefusedWithoutIt) {
  for (const std::vector<std::string>& option :
       {std::vector<std::string>{"--label", "a=b"},
        {"--reference", "x"},
        {"--request-id", kJobId}}) {
    std::vector<std::string> arguments = {"wrap", "a/key"};
    arguments.insert(arguments.end(), option.begin(), option.end());
    EXPECT_EQ(Run(arguments, fake_.dek).exit_code, 2) << option[0];
  }
  EXPECT_THAT(fake_.calls, IsEmpty());
}

TEST_F(RegisteredCliTest, AnIdThatWouldBeNowhereIsRefused) {
  EXPECT_EQ(Run({"wrap", "a/key", "--register"}, fake_.dek).exit_code, 2);
  EXPECT_EQ(
      Run({"datakey", "a/key", "--register", "--without-plaintext"}).exit_code,
      2);
  EXPECT_THAT(fake_.calls, IsEmpty());
  const CliResult json =
      Run({"--output", "json", "datakey", "a/key", "--register"});
  EXPECT_EQ(json.exit_code, 0) << json.err;
  EXPECT_EQ(json.Json()["dek_id"], fake_.dek_id);
}

TEST_F(RegisteredCliTest, ARequestIdIsAUuid) {
  const auto wrap = [&](const std::string& id) {
    return Run({"wrap", "a/key", "--register", "--request-id", id, "--out",
                dir_.File("w"), "--force"},
               fake_.dek)
        .exit_code;
  };
  EXPECT_EQ(wrap("nonsense"), 2);
  EXPECT_THAT(fake_.calls, IsEmpty());
  EXPECT_EQ(wrap(kJobId), 0);
  EXPECT_EQ(fake_.registering->request_id.size(), 16u);
}

TEST_F(RegisteredCliTest, UnwrapTakesAnIdInsteadOfInput) {
  const CliResult result = Run(
      {"unwrap", "--id", fake_.dek_id, "--key", "a/key", "--context", "x=1"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, fake_.dek);
  EXPECT_THAT(fake_.calls,
              ElementsAre("UnwrapById " + fake_.dek_id + " a/key x=1"));
  EXPECT_EQ(Run({"unwrap", "--id", "x", "--in", "y"}).exit_code, 2);
}

TEST_F(RegisteredCliTest, DeksAreListedAndShown) {
  const CliResult text =
      Run({"dek", "list", "a/key", "--version", "3", "--label", "env=prod"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr(fake_.dek_id));
  EXPECT_THAT(text.out, HasSubstr("vol-1"));
  EXPECT_THAT(fake_.calls, ElementsAre("ListDeks a/key 3 env=prod"));
  const CliResult json = Run({"--output", "json", "dek", "list", "a/key"});
  EXPECT_EQ(json.Json()["deks"][0]["labels"]["env"], "prod");
  EXPECT_THAT(Run({"dek", "show", "a/key", fake_.dek_id}).out,
              HasSubstr("version 3"));
  fake_.deks.clear();
  EXPECT_THAT(Run({"dek", "list", "a/key"}).out, HasSubstr("no such"));
}

TEST_F(RegisteredCliTest, ShreddingWantsAYes) {
  EXPECT_EQ(Run({"dek", "shred", "a/key", "x"}).exit_code, 2);
  EXPECT_THAT(fake_.calls, IsEmpty());
  EXPECT_EQ(Run({"dek", "shred", "a/key", "x", "--yes"}).exit_code, 0);
  EXPECT_EQ(Run({"dek", "delete", "a/key", "y"}).exit_code, 0);
  EXPECT_THAT(fake_.calls,
              ElementsAre("ShredDek x a/key", "DeleteDek y a/key"));
}

TEST_F(RegisteredCliTest, AKeysRegistrationIsSet) {
  EXPECT_EQ(
      Run({"key", "update", "a/key", "--registration", "required"}).exit_code,
      0);
  EXPECT_EQ(fake_.settings.registration, "REQUIRED");
  EXPECT_EQ(Run({"key", "create", "a/key", "--registration", "x"}).exit_code,
            2);
}

TEST_F(RegisteredCliTest, AJobIsStartedWithItsOptions) {
  const CliResult result =
      Run({"job", "start", "a/key", "--from", "1", "--from", "2", "--rate",
           "50", "--share", "25"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(kJobId));
  EXPECT_THAT(fake_.start_rewrap.from_versions, ElementsAre(1, 2));
  EXPECT_EQ(fake_.start_rewrap.batches_per_second, 50u);
  EXPECT_EQ(fake_.start_rewrap.min_share, 25u);
  EXPECT_FALSE(fake_.start_rewrap.dry_run);
  EXPECT_THAT(Run({"job", "start", "a/key", "--dry-run"}).out,
              HasSubstr("nothing was changed"));
  EXPECT_EQ(Run({"job", "start", "a/key", "--dry-run", "--watch"}).exit_code,
            2);
}

TEST_F(RegisteredCliTest, AShareThatNoJobCanHaveIsRefused) {
  for (const char* share : {"0", "51", "-1", "half"}) {
    EXPECT_EQ(Run({"job", "start", "a/key", "--share", share}).exit_code, 2)
        << share;
  }
}

TEST_F(RegisteredCliTest, AJobsRateAndShareAreShown) {
  EXPECT_THAT(Run({"job", "show", "a/key", kJobId}).out,
              Not(HasSubstr("Share")));
  fake_.job.batches_per_second = 40;
  fake_.job.min_share = 25;
  const std::string shown = Run({"job", "show", "a/key", kJobId}).out;
  EXPECT_THAT(shown, HasSubstr("at most 40 batches/s"));
  EXPECT_THAT(shown, HasSubstr("at least 25% of the token's operations"));
}

TEST_F(RegisteredCliTest, AWatchFailsUnlessAllWasMoved) {
  EXPECT_EQ(Run({"job", "watch", "a/key", kJobId}).exit_code, 0);
  fake_.job.state = "PARTIAL";
  fake_.job.failure_count = 1;
  fake_.job.failures = {{"batch", "NOT_AUTHENTIC", "why"}};
  const CliResult result = Run({"job", "watch", "a/key", kJobId});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("NOT_AUTHENTIC"));
  EXPECT_THAT(result.err, HasSubstr("PARTIAL"));
}

TEST_F(RegisteredCliTest, AnEndedJobIsNotMeasuredByWhatIsLeftNow) {
  fake_.job.batches_total = 32;
  fake_.job.batches_left = 8;  // a rotation later
  EXPECT_THAT(Run({"job", "list", "a/key"}).out, HasSubstr("100%"));
  fake_.job.state = "CANCELLED";
  fake_.job.batches_left = 0;  // another job has moved them
  EXPECT_THAT(Run({"job", "list", "a/key"}).out, HasSubstr("25%"));
  EXPECT_THAT(Run({"job", "show", "a/key", kJobId}).out,
              HasSubstr("Left now:"));
  fake_.job.state = "RUNNING";
  fake_.job.finished = std::nullopt;
  fake_.job.batches_left = 8;
  EXPECT_THAT(Run({"job", "list", "a/key"}).out, HasSubstr("50%"));
  EXPECT_THAT(Run({"job", "show", "a/key", kJobId}).out, HasSubstr("Left:"));
}

TEST_F(RegisteredCliTest, JobsAreListedShownAndMoved) {
  EXPECT_THAT(Run({"job", "list", "a/key"}).out, HasSubstr("DONE"));
  const CliResult json =
      Run({"--output", "json", "job", "show", "a/key", kJobId});
  EXPECT_EQ(json.Json()["deks_moved"], 9);
  for (const char* move : {"pause", "resume", "cancel"}) {
    EXPECT_EQ(Run({"job", move, "a/key", kJobId}).exit_code, 0);
  }
  const std::string id = kJobId;
  EXPECT_THAT(
      fake_.calls,
      ElementsAre("ListJobs a/key", "GetJob " + id + " a/key",
                  "PauseJob " + id + " a/key", "ResumeJob " + id + " a/key",
                  "CancelJob " + id + " a/key"));
}

TEST_F(RegisteredCliTest, TheCensusIsShown) {
  client::CensusVersion version{1, 12, 3};
  version.traces.unregistered_wraps = 77;
  version.traces.last_unwrap = clock_.Now();
  version.claims = {{"cn:backup", "host:/srv\x1b[2J", 41, clock_.Now()}};
  fake_.census = {version};
  EXPECT_THAT(Run({"key", "census", "a/key"}).out, HasSubstr("12"));
  const std::string text = Run({"key", "census", "a/key"}).out;
  EXPECT_THAT(text,
              AllOf(HasSubstr("77"), HasSubstr("cn:backup"), HasSubstr("41"),
                    Not(HasSubstr("\x1b")), Not(HasSubstr("Nothing depends"))));
  const CliResult json = Run({"--output", "json", "key", "census", "a/key"});
  const auto row = json.Json()["versions"][0];
  EXPECT_EQ(row["registered_deks"], 12);
  EXPECT_EQ(row["unregistered_wraps"], 77);
  EXPECT_EQ(row["first_wrap_time"], nullptr);
  EXPECT_EQ(row["last_unwrap_time"], "2025-01-31T08:00:00.000Z");
  EXPECT_EQ(row["claims"][0]["objects"], 41);
  EXPECT_EQ(row["nothing_depends"], false);
  fake_.census[0].nothing_depends = true;
  EXPECT_THAT(Run({"key", "census", "a/key"}).out,
              HasSubstr("Nothing depends on version 1."));
}

TEST_F(RegisteredCliTest, TheUseOfAKeyIsShownByVersion) {
  client::KeyVersion version{.version = 7, .state = "ENABLED"};
  version.primary = true;
  version.seals = 4711;
  version.traces = client::Traces{.unregistered_wraps = 77};
  version.traces->last_unwrap = clock_.Now();
  fake_.key.versions = {version};
  EXPECT_THAT(
      Run({"key", "usage", "a/key"}).out,
      AllOf(HasSubstr("4711"), HasSubstr("77"), HasSubstr("ENABLED, primary")));
  const CliResult json = Run({"--output", "json", "key", "usage", "a/key"});
  EXPECT_EQ(json.Json()["key"], "a/key");
  const auto row = json.Json()["versions"][0];
  EXPECT_EQ(row["seals"], 4711);
  EXPECT_EQ(row["traces"]["unregistered_wraps"], 77);
  EXPECT_EQ(row["traces"]["last_unwrap_time"], "2025-01-31T08:00:00.000Z");
  EXPECT_EQ(Run({"key", "usage"}).exit_code, 2);
}

TEST_F(RegisteredCliTest, ADestructionIsAcknowledgedByItsOptionAlone) {
  fake_.key_version.traces = client::Traces{.unregistered_wraps = 9};
  const CliResult plain = Run({"key", "destroy", "a/key", "1"});
  EXPECT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_FALSE(fake_.acknowledged);
  EXPECT_THAT(plain.out, HasSubstr("9 unregistered wraps"));
  Run({"key", "destroy", "a/key", "1", "--acknowledge-unregistered"});
  EXPECT_TRUE(fake_.acknowledged);
}

TEST_F(RegisteredCliTest, WhatARotationBringsIsSetByKeyUpdate) {
  EXPECT_EQ(Run({"key", "update", "a/key", "--rewrap-on-rotation", "on",
                 "--retire-after", "30d"})
                .exit_code,
            0);
  EXPECT_EQ(fake_.settings.rewrap_on_rotation, true);
  EXPECT_EQ(fake_.settings.retire_after, std::chrono::hours(30 * 24));
  Run({"key", "update", "a/key", "--rewrap-on-rotation", "off"});
  EXPECT_EQ(fake_.settings.rewrap_on_rotation, false);
  EXPECT_EQ(fake_.settings.retire_after, std::nullopt);
  EXPECT_EQ(Run({"key", "update", "a/key", "--rewrap-on-rotation", "maybe"})
                .exit_code,
            2);
}

}  // namespace
}  // namespace strongroom::testing
