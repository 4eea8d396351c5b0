// The command line itself: what it accepts, how it fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/cli_fixture.h"

namespace strongroom::cli {
namespace {

using ::testing::AllOf;

using testing::CliResult;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class RunTest : public testing::CliTest {
 protected:
  void ExpectUsageError(const std::vector<std::string>& arguments,
                        const std::string& text) {
    CliResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_THAT(result.err, StartsWith("strongroom: ARGUMENT_INVALID: "));
    EXPECT_THAT(result.err, HasSubstr(text));
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(fake_.calls, IsEmpty());
  }
};

TEST_F(RunTest, AWrongCommandLineEndsWithTwoAndCallsNothing) {
  ExpectUsageError({}, "wants a command: key, encrypt");
  ExpectUsageError({"key"}, "wants a command: create, list");
  ExpectUsageError({"kye", "list"}, "did you mean `strongroom key`?");
  ExpectUsageError({"key", "rotat", "a"},
                   "did you mean `strongroom key rotate`?");
  ExpectUsageError({"zzzzzz"}, "want one of key, encrypt");
  ExpectUsageError({"key", "show"}, "strongroom key show --help");
  ExpectUsageError({"key", "show", "a", "b"}, "b");
  ExpectUsageError({"key", "list", "--bogus"}, "--bogus");
  ExpectUsageError({"--output", "xml", "status"}, "xml");
  ExpectUsageError({"--timeout", "ten", "status"}, "--timeout is \"ten\"");
  ExpectUsageError({"--timeout", "0", "status"}, "1ms to 1h");
  ExpectUsageError({"--timeout", "2h", "status"}, "1ms to 1h");
  ExpectUsageError({"decrypt", "status"}, "status");
}

TEST_F(RunTest, VersionNumbersOfKeysAreChecked) {
  for (const char* version : {"0", "-1", "two", "2147483648", "1.5", ""}) {
    ExpectUsageError({"key", "enable", "a", version}, "");
  }
}

TEST_F(RunTest, SettingsAreChecked) {
  ExpectUsageError({"key", "create", "a", "--label", "env"}, "KEY=VALUE");
  ExpectUsageError({"key", "create", "a", "--label", "=x"}, "KEY=VALUE");
  ExpectUsageError({"key", "create", "a", "--label", "e=1", "--label", "e=2"},
                   "twice");
  ExpectUsageError({"key", "create", "a", "--max-items", "0"}, "");
  ExpectUsageError({"key", "create", "a", "--max-items", "4097"}, "");
  ExpectUsageError({"key", "create", "a", "--max-age", "-5s"}, "");
  ExpectUsageError({"key", "create", "a", "--rotation-period", "90"},
                   "--rotation-period is \"90\"");
  ExpectUsageError({"key", "create", "a", "--rotation-period", "1500ms"},
                   "whole seconds");
  ExpectUsageError({"key", "create", "a", "--destroy-after", "999999999d"},
                   "200 years");
  ExpectUsageError({"key", "create", "a", "--max-age", "99999999999999999999s"},
                   "--max-age");
  ExpectUsageError({"key", "update", "a"}, "nothing to change");
  ExpectUsageError({"key", "update", "a", "--no-labels", "--label", "e=1"},
                   "contradict");
}

TEST_F(RunTest, TheTimeoutReachesTheClient) {
  EXPECT_EQ(Run({"whoami"}).exit_code, 0);
  EXPECT_EQ(timeout_, std::chrono::seconds(10));
  EXPECT_EQ(Run({"whoami", "--timeout", "250ms"}).exit_code, 0);
  EXPECT_EQ(timeout_, std::chrono::milliseconds(250));
}

TEST_F(RunTest, EveryKindOfFailureHasItsExitCode) {
  struct Case {
    Reason reason;
    int exit_code;
  };
  const Case cases[] = {
      {Reason::kInternal, 1},         {Reason::kStoreCorrupt, 1},
      {Reason::kUnimplemented, 1},    {Reason::kFileUnreadable, 1},
      {Reason::kFileNotPrivate, 1},   {Reason::kCertificateInvalid, 1},
      {Reason::kNotAuthentic, 3},     {Reason::kNameInvalid, 3},
      {Reason::kArgumentInvalid, 3},  {Reason::kUnauthenticated, 4},
      {Reason::kPermissionDenied, 4}, {Reason::kKeyNotFound, 5},
      {Reason::kKeyExists, 5},        {Reason::kVersionState, 6},
      {Reason::kConflict, 6},         {Reason::kServerUnreachable, 7},
      {Reason::kQueueFull, 7},        {Reason::kDeadlineExceeded, 7},
      {Reason::kCancelled, 7}};
  for (const Case& one : cases) {
    fake_.failure = Error(one.reason, "the message");
    CliResult result = Run({"key", "show", "a"});
    std::string name(ReasonName(one.reason));
    EXPECT_EQ(result.exit_code, one.exit_code) << name;
    EXPECT_EQ(result.err, "strongroom: " + name + ": the message\n");
    EXPECT_THAT(result.out, IsEmpty());
  }
}

TEST_F(RunTest, ADelayIsSaidInWords) {
  fake_.failure =
      Error(Reason::kQueueFull, "full", std::chrono::milliseconds(2000));
  EXPECT_EQ(Run({"whoami"}).err,
            "strongroom: QUEUE_FULL: full; try again in 2 s\n");
}

TEST_F(RunTest, WithJsonTheErrorIsAnObject) {
  fake_.failure =
      Error(Reason::kQueueFull, "full", std::chrono::milliseconds(1500));
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"whoami", "--output", "json"},
        {"--output=json", "whoami"}}) {
    CliResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, 7);
    nlohmann::json error = nlohmann::json::parse(result.err).at("error");
    EXPECT_EQ(error.at("reason"), "QUEUE_FULL");
    EXPECT_EQ(error.at("code"), "RESOURCE_EXHAUSTED");
    EXPECT_EQ(error.at("message"), "full");
    EXPECT_EQ(error.at("retry_after_ms"), 1500);
  }
}

TEST_F(RunTest, AMessageCannotCommandTheTerminal) {
  fake_.failure = Error(Reason::kInternal, "a\x1b[2Jb\nc\xff");
  EXPECT_EQ(Run({"whoami"}).err,
            "strongroom: INTERNAL: a\\x1b[2Jb\\x0ac\\xff\n");
}

TEST_F(RunTest, AConnectionThatCannotBeMadeIsReported) {
  connect_failure_ = Error(Reason::kServerUnreachable, "nobody");
  CliResult result = Run({"status"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_THAT(result.err, HasSubstr("SERVER_UNREACHABLE: nobody"));
}

TEST_F(RunTest, AnEnvironmentThatNamesNoServiceIsWrongUsage) {
  for (const char* name : {"STRONGROOM_ADDR", "STRONGROOM_CA",
                           "STRONGROOM_CERT", "STRONGROOM_KEY"}) {
    unsetenv(name);
  }
  Environment environment = Environment::System();
  environment.err = OpenNew("stderr");
  EXPECT_EQ(cli::Run({"whoami"}, environment), 2);
  close(environment.err);
  EXPECT_THAT(
      testing::Slurp(dir_.File("stderr")),
      AllOf(HasSubstr("STRONGROOM_ADDR"), HasSubstr("strongroomd dev")));
}

TEST_F(RunTest, OutputThatCannotBeWrittenIsAFailure) {
  int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  int err = OpenNew("stderr");
  EXPECT_EQ(RunWith({"version"}, 0, full, err), 1);
  EXPECT_EQ(RunWith({"--help"}, 0, full, err), 1);
  close(full);
  close(err);
  EXPECT_THAT(testing::Slurp(dir_.File("stderr")),
              HasSubstr("FILE_UNREADABLE: standard output"));
}

TEST_F(RunTest, AReaderThatWentAwayIsAFailure) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  close(ends[0]);
  signal(SIGPIPE, SIG_IGN);
  int err = OpenNew("stderr");
  EXPECT_EQ(RunWith({"version"}, 0, ends[1], err), 1);
  close(ends[1]);
  close(err);
  EXPECT_THAT(testing::Slurp(dir_.File("stderr")), HasSubstr("Broken pipe"));
}

TEST_F(RunTest, WhatStrongroomdDoesIsHandedOverAsItWasTyped) {
  connect_failure_ = Error(Reason::kInternal, "connected");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"backup"},
        {"backup", "--help"},
        {"backup", "create", "--config", "a b.yaml", "--out=-", "--output"},
        {"recover", "--config", "", "--bogus"}}) {
    handed_over_.clear();
    CliResult result = Run(words);
    EXPECT_EQ(handed_over_, words);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("FILE_UNREADABLE: no strongroomd"));
  }
  EXPECT_THAT(Run({"--help"}).out,
              AllOf(HasSubstr("backup"), HasSubstr("on the service's machine"),
                    HasSubstr("recover")));
}

TEST_F(RunTest, OnlyAFirstWordIsHandedOver) {
  ExpectUsageError({"--output", "text", "backup", "create"}, "put it first");
  ExpectUsageError({"--timeout", "5s", "recover"}, "put it first");
  ExpectUsageError({"bakup", "create"}, "did you mean `strongroom backup`?");
  ExpectUsageError({"key", "backup"}, "want one of create");
  EXPECT_THAT(handed_over_, IsEmpty());
}

TEST_F(RunTest, HelpAndVersionNeedNoService) {
  connect_failure_ = Error(Reason::kInternal, "connected");
  EXPECT_THAT(Run({"--help"}).out, HasSubstr("encrypt"));
  CliResult help = Run({"encrypt", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("Example: strongroom encrypt"),
                              HasSubstr("authenticated, not hidden")));
  EXPECT_EQ(Run({"version"}).out, Run({"--version"}).out);
  EXPECT_THAT(Run({"version"}).out, StartsWith("strongroom "));
}

}  // namespace
}  // namespace strongroom::cli
