#include "cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/cli_fixture.h"

namespace strongroom::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint64_t kMiB = 1 << 20;

class ProgressTest : public ::strongroom::testing::CliTest {
 protected:
  ~ProgressTest() override { close(err_); }

  Environment World() {
    return {.err = err_,
            .is_terminal = [this](int) { return terminal_; },
            .clock = clock_,
            .connect = {}};
  }
  std::string Said() { return ::strongroom::testing::Slurp(dir_.File("said")); }

  int err_ = OpenNew("said");
};

TEST_F(ProgressTest, OneFileShowsBytesRateAndTimeLeft) {
  terminal_ = true;
  const Environment world = World();
  Progress progress(world, "encrypting x", {.bytes = 100 * kMiB});
  const auto show = progress.OfFile();
  show(5 * kMiB);
  EXPECT_THAT(Said(), IsEmpty()) << "what is over at once shows nothing";
  clock_.Advance(1s);
  show(25 * kMiB);
  EXPECT_THAT(Said(), EndsWith("encrypting x  25.0 MiB of 100.0 MiB (25%)  "
                               "25.0 MiB/s  4 s left"));
}

TEST_F(ProgressTest, ManyFilesShareOneLine) {
  terminal_ = true;
  const Environment world = World();
  Progress progress(world, "encrypting", {.bytes = 100 * kMiB, .files = 10});
  const auto first = progress.OfFile(), second = progress.OfFile();
  clock_.Advance(2s);
  first(10 * kMiB);
  EXPECT_THAT(Said(), EndsWith("0 of 10 files  10.0 MiB of 100.0 MiB (10%)  "
                               "5.0 MiB/s  19 s left"));
  clock_.Advance(2s);
  second(30 * kMiB);
  EXPECT_THAT(Said(), HasSubstr("40.0 MiB of 100.0 MiB (40%)  10.0 MiB/s"));
  // What is skipped took no time, and its bytes are not waited for.
  clock_.Advance(1s);
  progress.FileDone(50 * kMiB);
  EXPECT_THAT(Said(), EndsWith("1 of 10 files  40.0 MiB of 50.0 MiB (80%)  "
                               "8.0 MiB/s  2 s left"));
}

TEST_F(ProgressTest, WhereBytesDoNotCountFilesDo) {
  terminal_ = true;
  const Environment world = World();
  {
    Progress progress(world, "rewrapping", {.files = 10});
    clock_.Advance(1s);
    progress.FileDone();
    clock_.Advance(1s);
    progress.FileDone();
    EXPECT_THAT(Said(), EndsWith("rewrapping  2 of 10 files (20%)  1 files/s  "
                                 "9 s left"));
  }
  EXPECT_THAT(Said(), EndsWith("\r\x1b[K")) << "the line is removed";
}

TEST_F(ProgressTest, NothingIsShownWhereThereIsNoTerminal) {
  const Environment world = World();
  {
    Progress progress(world, "encrypting", {.bytes = kMiB, .files = 1});
    EXPECT_EQ(progress.OfFile(), nullptr);
    clock_.Advance(1s);
    progress.FileDone();
  }
  EXPECT_THAT(Said(), IsEmpty());
}

TEST_F(ProgressTest, MoreThanWasExpectedIsNoFault) {
  terminal_ = true;
  const Environment world = World();
  Progress progress(world, "encrypting x", {.bytes = kMiB});
  clock_.Advance(1s);
  progress.OfFile()(3 * kMiB);
  EXPECT_THAT(Said(), HasSubstr("(300%)"));
  EXPECT_THAT(Said(), Not(HasSubstr("left")));
}

}  // namespace
}  // namespace strongroom::cli
