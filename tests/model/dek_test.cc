#include "strongroom/model/dek.h"

#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"

namespace strongroom::model {
namespace {

TEST(DekIdTest, AnIdHasOneText) {
  const DekId id{Uuid(std::array<uint8_t, 16>{0xab}), 65535};
  EXPECT_EQ(id.ToString(), "ab000000-0000-0000-0000-000000000000:65535");
  ASSERT_OK_AND_ASSIGN(DekId parsed, DekId::Parse(id.ToString()));
  EXPECT_EQ(parsed, id);
}

TEST(DekIdTest, NothingElseIsAnId) {
  for (const char* text : {"", "ab000000-0000-0000-0000-000000000000",
                           "ab000000-0000-0000-0000-000000000000:",
                           "ab000000-0000-0000-0000-000000000000:01",
                           "ab000000-0000-0000-0000-000000000000:-1",
                           "ab000000-0000-0000-0000-000000000000:+1",
                           "ab000000-0000-0000-0000-000000000000:1 ",
                           "ab000000-0000-0000-0000-000000000000:4294967296",
                           "AB000000-0000-0000-0000-000000000000:1",
                           "ab000000-0000-0000-0000-00000000000:11",
                           "ab000000-0000-0000-0000-000000000000-1", ":1"}) {
    EXPECT_THAT(DekId::Parse(text),
                strongroom::testing::HasReason(Reason::kArgumentInvalid))
        << text;
  }
}

}  // namespace
}  // namespace strongroom::model
