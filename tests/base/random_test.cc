#include "strongroom/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace strongroom {
namespace {

TEST(RandomTest, NothingIsAskedForNothing) {
  FillRandom({});
  SUCCEED();
}

TEST(RandomTest, DrawsDiffer) {
  std::set<Bytes> seen;
  for (int i = 0; i < 1000; ++i) {
    Bytes draw(16);
    FillRandom(draw);
    EXPECT_TRUE(seen.insert(draw).second);
  }
}

TEST(RandomTest, OnlyTheViewIsFilled) {
  Bytes bytes(64, 0xEE);
  FillRandom(MutableByteView(bytes).subspan(16, 32));
  auto is_mark = [](uint8_t b) { return b == 0xEE; };
  EXPECT_TRUE(std::all_of(bytes.begin(), bytes.begin() + 16, is_mark));
  EXPECT_TRUE(std::all_of(bytes.begin() + 48, bytes.end(), is_mark));
  EXPECT_FALSE(std::all_of(bytes.begin() + 16, bytes.begin() + 48, is_mark));
}

// One getrandom call gives at most 32 MiB - 1 bytes, and calls over 256 bytes
// may be cut short: the end must be filled too.
TEST(RandomTest, LongViewsAreFilledToTheirEnd) {
  Bytes bytes(size_t{34} << 20);
  FillRandom(bytes);
  auto is_zero = [](uint8_t b) { return b == 0; };
  EXPECT_FALSE(std::all_of(bytes.end() - 32, bytes.end(), is_zero));
}

}  // namespace
}  // namespace strongroom
