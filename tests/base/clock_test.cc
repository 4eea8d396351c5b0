#include "strongroom/base/clock.h"

#include <gtest/gtest.h>
#include <time.h>

#include "tests/testing/fake_clock.h"

namespace strongroom {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::seconds;
using testing::FakeClock;

WallTime At(int64_t micros) { return WallTime(microseconds(micros)); }

TEST(FormatTimeTest, TimesAreRfc3339InUtcWithMilliseconds) {
  EXPECT_EQ(FormatTime(FakeClock::kStart), "2025-01-31T08:00:00.000Z");
  EXPECT_EQ(FormatTime(At(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTime(At(951782400000000)), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(FormatTime(At(4102444799000000)), "2099-12-31T23:59:59.000Z");
}

TEST(FormatTimeTest, FractionsAreCutNotRounded) {
  EXPECT_EQ(FormatTime(At(999)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTime(At(1999999)), "1970-01-01T00:00:01.999Z");
}

TEST(FormatTimeTest, TimesBefore1970AreCutDownward) {
  EXPECT_EQ(FormatTime(At(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(SystemClockTest, ItFollowsTheMachine) {
  auto before = std::chrono::system_clock::now() - seconds(5);
  auto after = std::chrono::system_clock::now() + hours(1);
  EXPECT_GE(Clock::System().Now(), before);
  EXPECT_LE(Clock::System().Now(), after);
  SteadyTime steady = std::chrono::steady_clock::now();
  EXPECT_GE(Clock::System().Steady(), steady);
  EXPECT_EQ(&Clock::System(), &Clock::System());
}

TEST(FakeClockTest, TimeMovesOnlyWhenTold) {
  FakeClock clock;
  SteadyTime steady = clock.Steady();
  EXPECT_EQ(clock.Now(), FakeClock::kStart);
  EXPECT_EQ(clock.Steady(), steady);
  clock.Advance(seconds(90));
  EXPECT_EQ(clock.Now(), FakeClock::kStart + seconds(90));
  EXPECT_EQ(clock.Steady(), steady + seconds(90));
}

TEST(FakeClockTest, SettingWallTimeLeavesSteadyTimeAlone) {
  FakeClock clock;
  SteadyTime steady = clock.Steady();
  clock.SetNow(FakeClock::kStart - hours(1));
  EXPECT_EQ(clock.Now(), FakeClock::kStart - hours(1));
  EXPECT_EQ(clock.Steady(), steady);
}

// A lease, a window or a cache must not outlast its time because the machine
// slept.
TEST(ClockTest, SteadyTimeGoesOnWhileTheMachineSleeps) {
  const auto boot = [] {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return SteadyTime(std::chrono::seconds(now.tv_sec) +
                      std::chrono::nanoseconds(now.tv_nsec));
  };
  const SteadyTime before = boot();
  const SteadyTime now = Clock::System().Steady();
  EXPECT_LE(before, now);
  EXPECT_LE(now, boot());
}

TEST(ClockTest, ATimeToWaitUntilIsAsFarAwayAsTheTimeItself) {
  const auto before = std::chrono::steady_clock::now();
  const SteadyTime wait =
      ForWait(Clock::System().Steady() + std::chrono::hours(1));
  EXPECT_GE(wait - before, std::chrono::minutes(59));
  EXPECT_LE(wait - std::chrono::steady_clock::now(), std::chrono::hours(1));
  EXPECT_GT(ForWait(SteadyTime::max()), before) << "no overflow";
}

}  // namespace
}  // namespace strongroom
