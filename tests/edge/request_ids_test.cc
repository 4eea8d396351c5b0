#include "edge/request_ids.h"

#include <gtest/gtest.h>

#include <set>

namespace strongroom::edge {
namespace {

TEST(RequestIdsTest, NoTwoIdsAreEqualInOneProcessOrInTwo) {
  RequestIds one;
  RequestIds other;
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(ids.insert(one.Next()).second);
    EXPECT_TRUE(ids.insert(other.Next()).second);
  }
  EXPECT_EQ(one.count(), 1000u);
}

TEST(RequestIdsTest, AnIdIsShortAndMayBeWrittenAnywhere) {
  const std::string id = RequestIds().Next();
  EXPECT_EQ(id.size(), 16u + 1 + 8);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef-"), std::string::npos);
}

}  // namespace
}  // namespace strongroom::edge
