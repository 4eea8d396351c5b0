#include "wire/bytes.h"

#include <gtest/gtest.h>

#include "strongroom/v1/key_service.pb.h"
#include "tests/testing/status_matchers.h"
#include "tests/wire/batch_oracle.h"

namespace strongroom::testing {
namespace {

v1::WrapRequest LongRequest() {
  v1::WrapRequest request;
  request.set_name(std::string(100, 'n'));
  for (int i = 0; i < 20; ++i) {
    auto* pair = request.add_encryption_context();
    pair->set_key(std::string(30, 'k'));
    pair->set_value(std::string(30, 'v'));
  }
  return request;
}

TEST(WireBytesTest, AMessageInPiecesOfAnySizeIsTheSameMessage) {
  const std::string whole = LongRequest().SerializeAsString();
  for (size_t size :
       {size_t{1}, size_t{2}, size_t{7}, size_t{100}, whole.size()}) {
    const Cut cut(whole, size);
    EXPECT_EQ(wire::SizeOf(cut.pieces()), whole.size());
    v1::WrapRequest read;
    ASSERT_OK(wire::ParseMessage(cut.pieces(), &read)) << size;
    EXPECT_EQ(read.SerializeAsString(), whole) << size;
  }
}

TEST(WireBytesTest, NoPiecesAreAnEmptyMessage) {
  v1::WrapRequest read;
  EXPECT_OK(wire::ParseMessage(wire::Pieces(), &read));
}

TEST(WireBytesTest, APieceStreamSkipsAndGoesBackAcrossPieces) {
  const Cut cut("abcdefgh", 3);
  wire::PieceStream stream(cut.pieces());
  const void* data = nullptr;
  int size = 0;
  ASSERT_TRUE(stream.Next(&data, &size));
  stream.BackUp(1);
  EXPECT_EQ(stream.ByteCount(), 2);
  ASSERT_TRUE(stream.Skip(4));
  ASSERT_TRUE(stream.Next(&data, &size));
  EXPECT_EQ(std::string_view(static_cast<const char*>(data), size), "gh");
  EXPECT_FALSE(stream.Skip(1));
  EXPECT_FALSE(stream.Next(&data, &size));
  EXPECT_EQ(stream.ByteCount(), 8);
}

TEST(WireBytesTest, WipingLeavesNothingInAnyPiece) {
  std::string first = "secret";
  std::string second = "more of it";
  const MutableByteView pieces[] = {
      {reinterpret_cast<uint8_t*>(first.data()), first.size()},
      {reinterpret_cast<uint8_t*>(second.data()), second.size()}};
  wire::Wipe(pieces);
  EXPECT_EQ(first, std::string(first.size(), '\0'));
  EXPECT_EQ(second, std::string(second.size(), '\0'));
}

}  // namespace
}  // namespace strongroom::testing
