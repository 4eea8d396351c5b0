#include "strongroom/base/wiped_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace strongroom {
namespace {

WipedBytes Filled(size_t size) {
  WipedBytes bytes(size);
  std::fill_n(bytes.data(), size, uint8_t{0x5a});
  return bytes;
}

TEST(WipedBytesTest, HoldsWhatWasWritten) {
  const WipedBytes bytes = Filled(1000);
  EXPECT_EQ(bytes.size(), 1000u);
  EXPECT_EQ(bytes.view()[999], 0x5a);
  EXPECT_EQ(WipedBytes().size(), 0u);
  EXPECT_EQ(WipedBytes(0).size(), 0u);
}

TEST(WipedBytesTest, MovesAsAValue) {
  WipedBytes bytes = Filled(10);
  WipedBytes other = Filled(20);
  other = std::move(bytes);
  EXPECT_EQ(other.size(), 10u);
}

TEST(WipedBytesTest, AReleasedBlockIsReclaimedWithItsSize) {
  WipedBytes bytes = Filled(33);
  const uint8_t* data = bytes.data();
  void* block = bytes.Release();
  EXPECT_EQ(bytes.size(), 0u);
  const WipedBytes again = WipedBytes::Reclaim(block);
  EXPECT_EQ(again.data(), data);
  EXPECT_EQ(again.size(), 33u);
  EXPECT_EQ(again.view()[32], 0x5a);
}

}  // namespace
}  // namespace strongroom
