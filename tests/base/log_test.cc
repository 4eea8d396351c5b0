#include "strongroom/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log_format.h"
#include "strongroom/base/bytes.h"
#include "tests/testing/fake_clock.h"

namespace strongroom::log {
namespace {

using strongroom::testing::FakeClock;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

std::string Text(std::string_view message,
                 std::initializer_list<Field> fields = {}) {
  return FormatLine(FakeClock::kStart, Level::kInfo, Format::kText, message,
                    fields);
}

std::string Json(std::string_view message,
                 std::initializer_list<Field> fields = {}) {
  return FormatLine(FakeClock::kStart, Level::kError, Format::kJson, message,
                    fields);
}

constexpr char kPrefix[] = "2025-01-31T08:00:00.000Z INFO ";

TEST(LogTextTest, ALineIsTimeLevelMessageFields) {
  EXPECT_EQ(Text("serving", {{"address", "[::1]:7443"}, {"workers", 8}}),
            std::string(kPrefix) + "serving address=[::1]:7443 workers=8");
}

TEST(LogTextTest, ValuesThatWouldConfuseAReaderAreQuoted) {
  const std::pair<std::string, std::string> kCases[] = {
      {"", "\"\""},
      {"two words", "\"two words\""},
      {"a=b", "\"a=b\""},
      {"say \"hi\"", "\"say \\\"hi\\\"\""},
      {"back\\slash", "\"back\\\\slash\""},
      {"line\nbreak", "\"line\\nbreak\""},
      {"\x1B[31m", "\"\\x1b[31m\""},
      {"\xFF\xFE", "\"\\xff\\xfe\""},
      {"\xC2\x9B", "\"\\xc2\\x9b\""},
      {"na\xC3\xAFve", "na\xC3\xAFve"}};
  for (const auto& [value, shown] : kCases) {
    EXPECT_EQ(Text("m", {{"k", value}}), std::string(kPrefix) + "m k=" + shown);
  }
}

TEST(LogTextTest, AMessageCannotForgeALine) {
  std::string line = Text("innocent\n2025-01-31T08:00:00.000Z INFO forged\r");
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  EXPECT_THAT(line, Not(HasSubstr("\r")));
  EXPECT_THAT(line, HasSubstr("innocent\\n2025"));
}

TEST(LogTextTest, EveryByteGivesOneLineOfUtf8) {
  for (int c = 0; c < 256; ++c) {
    std::string value = {'a', static_cast<char>(c), 'z'};
    for (const std::string& line :
         {Text(value, {{"k", value}}), Json(value, {{"k", value}})}) {
      EXPECT_TRUE(IsUtf8(line)) << c;
      EXPECT_EQ(line.find_first_of("\n\r\x1B"), line.npos) << c;
      EXPECT_EQ(line.find('\0'), line.npos) << c;
    }
  }
}

TEST(LogTextTest, NumbersTruthAndFailuresAreFields) {
  EXPECT_THAT(Text("m", {{"n", -5}, {"big", uint64_t{1} << 63}}),
              EndsWith("n=-5 big=9223372036854775808"));
  EXPECT_THAT(Text("m", {{"yes", true}, {"no", false}}),
              EndsWith("yes=true no=false"));
  Status failure = strongroom::Error(Reason::kStoreFull, "disk full");
  EXPECT_THAT(Text("m", {{"error", failure}}),
              EndsWith("error=\"STORE_FULL: disk full\""));
  EXPECT_THAT(Text("m", {{"error", OkStatus()}}), EndsWith("error=OK"));
}

TEST(LogJsonTest, ALineIsOneObject) {
  EXPECT_EQ(Json("serving", {{"address", "[::1]:7443"}, {"workers", 8}}),
            "{\"time\":\"2025-01-31T08:00:00.000Z\",\"level\":\"ERROR\","
            "\"message\":\"serving\",\"address\":\"[::1]:7443\","
            "\"workers\":\"8\"}");
}

TEST(LogJsonTest, StringsAreEscapedAsJsonWants) {
  EXPECT_THAT(Json("a\"b\\c"), HasSubstr("\"message\":\"a\\\"b\\\\c\""));
  // What JSON cannot hold is written out first: the reader sees \n and \xff.
  EXPECT_THAT(Json("a\nb\xFF"), HasSubstr("\"message\":\"a\\\\nb\\\\xff\""));
}

TEST(LogLevelTest, EveryLevelHasAName) {
  EXPECT_EQ(LevelName(Level::kDebug), "DEBUG");
  EXPECT_EQ(LevelName(Level::kInfo), "INFO");
  EXPECT_EQ(LevelName(Level::kWarning), "WARNING");
  EXPECT_EQ(LevelName(Level::kError), "ERROR");
}

// LogTest looks at standard error, and puts the defaults back.
class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { Configure(Level::kInfo, Format::kText); }

  static std::string Written() {
    ::testing::internal::CaptureStderr();
    Debug("one");
    Info("two", {{"key", "value"}});
    Warning("three");
    Error("four");
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, ByDefaultInfoAndAboveAreWrittenAsText) {
  EXPECT_THAT(Written(), MatchesRegex("[0-9T:.-]+Z INFO two key=value\n"
                                      "[0-9T:.-]+Z WARNING three\n"
                                      "[0-9T:.-]+Z ERROR four\n"));
}

TEST_F(LogTest, LessThanTheLevelIsNotWritten) {
  Configure(Level::kError, Format::kText);
  EXPECT_THAT(Written(), MatchesRegex("[0-9T:.-]+Z ERROR four\n"));
}

TEST_F(LogTest, DebugWritesEverything) {
  Configure(Level::kDebug, Format::kText);
  EXPECT_THAT(Written(), HasSubstr(" DEBUG one\n"));
}

TEST_F(LogTest, JsonIsOneObjectALine) {
  Configure(Level::kError, Format::kJson);
  std::string written = Written();
  EXPECT_THAT(written, StartsWith("{\"time\":\""));
  EXPECT_THAT(written, EndsWith("\"level\":\"ERROR\",\"message\":\"four\"}\n"));
}

TEST_F(LogTest, BracesInAMessageAreNotAFormat) {
  ::testing::internal::CaptureStderr();
  Info("{} {0} %s %v {bad");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              EndsWith("INFO {} {0} %s %v {bad\n"));
}

}  // namespace
}  // namespace strongroom::log
