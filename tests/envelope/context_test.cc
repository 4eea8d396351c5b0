#include "strongroom/envelope/context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "tests/testing/status_matchers.h"

namespace strongroom::envelope {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::HasReason;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

Bytes Canonical(const ContextPairs& pairs) {
  const auto bytes = CanonicalContext(pairs);
  EXPECT_THAT(bytes, IsOk());
  return bytes.value_or(Bytes());
}

TEST(Context, EmptyIsZeroBytes) {
  EXPECT_THAT(CanonicalContext({}), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ParseContext({}), IsOkAndHolds(IsEmpty()));
}

TEST(Context, TheOrderInWhichPairsAreGivenDoesNotShow) {
  ContextPairs pairs = {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"ab", "4"}};
  const Bytes wanted = Canonical(pairs);
  std::sort(pairs.begin(), pairs.end());
  do {
    EXPECT_EQ(Canonical(pairs), wanted);
  } while (std::next_permutation(pairs.begin(), pairs.end()));
}

TEST(Context, DifferentMapsHaveDifferentBytes) {
  const std::vector<ContextPairs> maps = {
      {},
      {{"a", ""}},
      {{"a", "b"}},
      {{"ab", ""}},
      {{"b", "a"}},
      {{"a", ""}, {"b", ""}},
      {{"a", "b"}, {"b", "a"}},
      {{"a", "a"}, {"b", "b"}},
      {{"a", {"\0\1b", 3}}},
  };
  for (size_t i = 0; i < maps.size(); ++i) {
    for (size_t j = i + 1; j < maps.size(); ++j) {
      EXPECT_NE(Canonical(maps[i]), Canonical(maps[j])) << i << " and " << j;
    }
  }
}

TEST(Context, ParsingGivesBackPairsInKeyOrder) {
  EXPECT_THAT(ParseContext(Canonical({{"b", "2"}, {"a", "1"}})),
              IsOkAndHolds(ElementsAre(Pair("a", "1"), Pair("b", "2"))));
}

TEST(Context, EveryTruncationIsRefusedOrIsAWholeShorterContext) {
  const Bytes whole = Canonical({{"key", "value"}, {"other", "thing"}});
  const size_t first_pair = 2 + 3 + 2 + 5;
  for (size_t size = 1; size < whole.size(); ++size) {
    const auto parsed = ParseContext(ByteView(whole).first(size));
    if (size == first_pair) {
      EXPECT_THAT(parsed, IsOkAndHolds(SizeIs(1)));
    } else {
      EXPECT_THAT(parsed, HasReason(Reason::kContextInvalid)) << size;
    }
  }
}

TEST(Context, WhateverParsesSerialisesToTheSameBytes) {
  std::mt19937 random(2);
  const Bytes whole = Canonical({{"a", "1"}, {"bb", "22"}, {"ccc", ""}});
  int parsed_count = 0;
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes = whole;
    bytes[random() % bytes.size()] = static_cast<uint8_t>(random() % 0x80);
    const auto parsed = ParseContext(bytes);
    if (!parsed.ok()) continue;
    ++parsed_count;
    EXPECT_EQ(Canonical(ContextPairs(parsed->begin(), parsed->end())), bytes);
  }
  EXPECT_GT(parsed_count, 1000);
}

TEST(Context, ThirtyTwoPairsAreTakenAndThirtyThreeRefused) {
  std::vector<std::string> keys;
  for (int i = 0; i < 33; ++i) keys.push_back("key" + std::to_string(i));
  ContextPairs pairs;
  for (const std::string& key : keys) pairs.emplace_back(key, "v");
  EXPECT_THAT(CanonicalContext(pairs),
              HasReason(Reason::kContextInvalid,
                        AllOf(HasSubstr("33 pairs"), HasSubstr("at most 32"))));
  pairs.pop_back();
  EXPECT_THAT(CanonicalContext(pairs), IsOk());
}

TEST(Context, TheBoundCountsLengthsToo) {
  const std::string value(kMaxContextBytes - 4 - 1, 'v');
  EXPECT_THAT(CanonicalContext({{"k", value}}), IsOk());
  const std::string longer = value + "v";
  EXPECT_THAT(
      CanonicalContext({{"k", longer}}),
      HasReason(Reason::kContextInvalid,
                AllOf(HasSubstr("8193 bytes"), HasSubstr("at most 8192"))));
}

TEST(Context, AValueWhoseSizeWouldWrapSixteenBitsIsRefused) {
  const std::string huge(65536 + 1, 'v');
  EXPECT_THAT(CanonicalContext({{"k", huge}}),
              HasReason(Reason::kContextInvalid));
  EXPECT_THAT(CanonicalContext({{huge, ""}}),
              HasReason(Reason::kContextInvalid));
}

TEST(Context, AnEmptyKeyIsRefused) {
  EXPECT_THAT(CanonicalContext({{"", "v"}}),
              HasReason(Reason::kContextInvalid, HasSubstr("empty key")));
}

TEST(Context, AKeyGivenTwiceIsNamed) {
  EXPECT_THAT(CanonicalContext({{"row", "1"}, {"x", ""}, {"row", "2"}}),
              HasReason(Reason::kContextInvalid, HasSubstr("\"row\" twice")));
}

TEST(Context, AMessageNeverShowsAValue) {
  const auto refused = CanonicalContext({{"k", "hidden\xff"}});
  EXPECT_THAT(refused,
              HasReason(Reason::kContextInvalid,
                        AllOf(HasSubstr("\"k\""), Not(HasSubstr("hidden")))));
}

TEST(Context, AMessageShowsAKeyThatIsNotTextInHex) {
  EXPECT_THAT(
      CanonicalContext({{"a\xff\n\"", "v"}}),
      HasReason(Reason::kContextInvalid, HasSubstr(R"("a\xff\x0a\x22")")));
}

TEST(Context, AMessageShowsOnlyTheBeginningOfALongKey) {
  const std::string key = std::string(64, 'k') + "tail";
  EXPECT_THAT(CanonicalContext({{key, "\xff"}}),
              HasReason(Reason::kContextInvalid, Not(HasSubstr("tail"))));
}

TEST(Context, BytesOutOfOrderAreRefused) {
  const Bytes a = Canonical({{"a", ""}}), b = Canonical({{"b", ""}});
  Bytes bytes = b;
  Append(&bytes, a);
  EXPECT_THAT(ParseContext(bytes),
              HasReason(Reason::kContextInvalid, HasSubstr("out of order")));
}

}  // namespace
}  // namespace strongroom::envelope
