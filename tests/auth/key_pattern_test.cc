#include "auth/key_pattern.h"

#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"

namespace strongroom::auth {
namespace {

using ::strongroom::testing::HasReason;

bool Matches(std::string_view pattern, std::string_view name) {
  StatusOr<KeyPattern> parsed = KeyPattern::Parse(pattern);
  EXPECT_OK(parsed) << pattern;
  return parsed.ok() && parsed->Matches(name);
}

TEST(KeyPatternTest, APlainNameMatchesItselfAlone) {
  EXPECT_TRUE(Matches("payments/cards", "payments/cards"));
  EXPECT_FALSE(Matches("payments/cards", "payments/card"));
  EXPECT_FALSE(Matches("payments/cards", "payments/cards2"));
  EXPECT_FALSE(Matches("payments/cards", "payments"));
  EXPECT_FALSE(Matches("payments/cards", "payments/cards/eu"));
  EXPECT_FALSE(Matches("payments", "payments/"));
}

TEST(KeyPatternTest, ADotIsNoWildcard) { EXPECT_FALSE(Matches("a.b", "axb")); }

TEST(KeyPatternTest, OneStarStaysWithinItsSegment) {
  EXPECT_TRUE(Matches("payments/*", "payments/cards"));
  EXPECT_FALSE(Matches("payments/*", "payments/cards/eu"));
  EXPECT_FALSE(Matches("payments/*", "payments"));
  EXPECT_FALSE(Matches("*", "payments/cards"));
  EXPECT_TRUE(Matches("*/cards", "payments/cards"));
  EXPECT_FALSE(Matches("pay*s", "payments/cards"));
}

TEST(KeyPatternTest, AStarMatchesAlsoNothingAndSeveralMayOccur) {
  EXPECT_TRUE(Matches("card*", "card"));
  EXPECT_TRUE(Matches("*-eu-*", "cards-eu-1"));
  EXPECT_TRUE(Matches("a*b*c", "axbxbc"));
  EXPECT_FALSE(Matches("a*b*c", "axbxb"));
  EXPECT_FALSE(Matches("a*b*c", "axcxb"));
  EXPECT_TRUE(Matches("*ab", "aab"));
}

TEST(KeyPatternTest, TwoStarsMatchOneOrMoreSegmentsBelow) {
  EXPECT_TRUE(Matches("payments/**", "payments/cards"));
  EXPECT_TRUE(Matches("payments/**", "payments/cards/eu/1"));
  EXPECT_FALSE(Matches("payments/**", "payments"));
  EXPECT_FALSE(Matches("payments/**", "payments2/cards"));
  EXPECT_TRUE(Matches("**", "a"));
  EXPECT_TRUE(Matches("**", "a/b/c"));
}

TEST(KeyPatternTest, NothingMatchesTheEmptyName) {
  EXPECT_FALSE(Matches("**", ""));
  EXPECT_FALSE(Matches("*", ""));
}

TEST(KeyPatternTest, OnlyTwoStarsAloneAreEverything) {
  EXPECT_TRUE(KeyPattern::Parse("**")->Everything());
  EXPECT_FALSE(KeyPattern::Parse("*")->Everything());
  EXPECT_FALSE(KeyPattern::Parse("a/**")->Everything());
}

TEST(KeyPatternTest, PatternsThatNoNameCouldMatchAreRefused) {
  for (std::string bad :
       {"", "/", "a/", "/a", "a//b", "A", "a b", "**/a", "a**", "***", "a/**b",
        ".a", "-a", "a/_b", "pay?ents", "a[b]"}) {
    EXPECT_THAT(KeyPattern::Parse(bad), HasReason(Reason::kConfigInvalid))
        << bad;
  }
  EXPECT_THAT(KeyPattern::Parse(std::string(129, 'a')),
              HasReason(Reason::kConfigInvalid));
}

TEST(KeyPatternTest, TheWorstPatternAndNameEndSoon) {
  // Exponential matching would not come back from this.
  std::string pattern;
  for (int i = 0; i < 63; ++i) pattern += "a*";
  pattern += "b";
  std::string name(128, 'a');
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(Matches(pattern, name));
}

}  // namespace
}  // namespace strongroom::auth
