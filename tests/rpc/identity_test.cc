#include "rpc/identity.h"

#include <gtest/gtest.h>

namespace strongroom::rpc {
namespace {

TEST(IdentityTest, EveryCommonNameOfASubjectIsCounted) {
  EXPECT_EQ(CountCommonNames(""), 0u);
  EXPECT_EQ(CountCommonNames("O=bank,OU=cards"), 0u);
  EXPECT_EQ(CountCommonNames("CN=app,O=bank"), 1u);
  EXPECT_EQ(CountCommonNames("O=bank,CN=app"), 1u);
  EXPECT_EQ(CountCommonNames("CN=app,CN=other"), 2u);
  EXPECT_EQ(CountCommonNames("CN=app+CN=other,O=bank"), 2u);
  EXPECT_EQ(CountCommonNames("CN=,CN="), 2u);
}

TEST(IdentityTest, ACommonNameInsideAValueIsNotCounted) {
  EXPECT_EQ(CountCommonNames(R"(CN=app\,CN=other)"), 1u);
  EXPECT_EQ(CountCommonNames(R"(CN=app\+CN=other)"), 1u);
  EXPECT_EQ(CountCommonNames("O=CN=app"), 0u);
  EXPECT_EQ(CountCommonNames(R"(CN=app\\,CN=other)"), 2u);
  EXPECT_EQ(CountCommonNames("XCN=app"), 0u);
}

TEST(IdentityTest, AnEscapeAtTheEndIsNoFault) {
  EXPECT_EQ(CountCommonNames("CN=app\\"), 1u);
}

}  // namespace
}  // namespace strongroom::rpc
