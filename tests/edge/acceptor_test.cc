#include "edge/acceptor.h"

#include <gtest/gtest.h>

namespace strongroom::edge {
namespace {

TEST(AcceptorTest, MostFilesAreForConnectionsIfThereAreMany) {
  EXPECT_EQ(FreeFilesLimit(65536), 65536 - 256);
  EXPECT_EQ(FreeFilesLimit(1024), 768);
}

TEST(AcceptorTest, HalfOfFewFilesIsKeptForAllElse) {
  EXPECT_EQ(FreeFilesLimit(512), 256);
  EXPECT_EQ(FreeFilesLimit(100), 50);
  EXPECT_EQ(FreeFilesLimit(0), 0);
}

}  // namespace
}  // namespace strongroom::edge
