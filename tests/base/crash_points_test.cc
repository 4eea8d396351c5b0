#include "strongroom/base/crash_points.h"

#include <gtest/gtest.h>

#include <string>

namespace strongroom {
namespace {

std::string& Seen() {
  static std::string& seen = *new std::string;
  return seen;
}

TEST(CrashPointTest, WithoutAHookNothingHappens) {
  Seen().clear();
  CrashPoint("step");
  EXPECT_EQ(Seen(), "");
}

TEST(CrashPointTest, TheHookIsToldTheStepUntilItIsTakenOut) {
  Seen().clear();
  SetCrashHookForTest([](const char* step) { Seen() += step; });
  CrashPoint("first");
  SetCrashHookForTest(nullptr);
  CrashPoint("second");
  EXPECT_EQ(Seen(), "first");
}

}  // namespace
}  // namespace strongroom
