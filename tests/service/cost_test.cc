// What a request cost, and how much of it a caller may ask for.
#include <gtest/gtest.h>

#include "tests/service/rig.h"

namespace strongroom::service {
namespace {

using ::strongroom::testing::HasReason;

auto Asking(const std::string& who, const auto& operation) {
  auto call = Rig::CallAs(who, operation);
  call.ask_cost = true;
  return call;
}

SealCommand Many(size_t count) {
  return Rig::SealOf("demo/app",
                     std::vector<std::string>(count, std::string(Rig::kDek)));
}

class CostTest : public ::testing::Test {
 protected:
  CostTest() { rig_.MakeKey("demo/app"); }
  Rig rig_;
};

TEST_F(CostTest, ABatchTellsTheTokenOperationsItTook) {
  ASSERT_OK_AND_ASSIGN(SealResult sealed,
                       rig_.Seal(Asking("root", ops::kBatchWrap), Many(1500)));
  ASSERT_TRUE(sealed.cost.has_value());
  EXPECT_EQ(sealed.cost->token_operations, 2u);  // max_items is 1024
  EXPECT_EQ(sealed.cost->batch, 1024u);
}

TEST_F(CostTest, OpensAndRewrapsTellTheirsToo) {
  const Bytes token = rig_.Wrapped("demo/app");
  ASSERT_OK_AND_ASSIGN(
      OpenResult opened,
      rig_.Open(Asking("root", ops::kUnwrap), Rig::OpenOf({token})));
  ASSERT_TRUE(opened.cost.has_value());
  EXPECT_EQ(opened.cost->token_operations, 1u);
  rig_.Rotate("demo/app");
  ASSERT_OK_AND_ASSIGN(RewrapResult moved,
                       rig_.Rewrap(Asking("root", ops::kRewrap),
                                   {.key_name = "", .tokens = {token}}));
  ASSERT_TRUE(moved.cost.has_value());
  EXPECT_EQ(moved.cost->token_operations, 2u);
}

TEST_F(CostTest, WhoDoesNotAskIsNotTold) {
  ASSERT_OK_AND_ASSIGN(
      SealResult sealed,
      rig_.Seal(Rig::CallAs("root", ops::kBatchWrap), Many(2)));
  EXPECT_FALSE(sealed.cost.has_value());
}

TEST_F(CostTest, WhoMayNotKnowIsServedAndNotTold) {
  ASSERT_OK_AND_ASSIGN(SealResult sealed,
                       rig_.Seal(Asking("app", ops::kBatchWrap), Many(2)));
  EXPECT_FALSE(sealed.cost.has_value());
}

TEST_F(CostTest, ACallerOverItsLimitIsRefusedAndOthersAreServed) {
  rig_.policy_.Replace(ParsedPolicy(
      std::string(kRigPolicy) +
      "limits:\n  - {who: [\"cn:app\"], operations_per_second: 10}\n"));
  EXPECT_OK(rig_.Seal(Rig::CallAs("app", ops::kBatchWrap), Many(10)));
  EXPECT_THAT(rig_.Seal(Rig::CallAs("app", ops::kWrap), Many(1)),
              HasReason(Reason::kRateLimited));
  EXPECT_EQ(rig_.audit_.last().record.outcome, "RATE_LIMITED");
  EXPECT_OK(rig_.Seal(Rig::CallAs("root", ops::kWrap), Many(1)));
  rig_.clock_.Advance(std::chrono::seconds(1));
  EXPECT_OK(rig_.Seal(Rig::CallAs("app", ops::kWrap), Many(1)));
}

TEST_F(CostTest, LookingAtAKeyIsNotCharged) {
  rig_.policy_.Replace(ParsedPolicy(
      std::string(kRigPolicy) +
      "limits:\n  - {who: [\"cn:app\"], operations_per_second: 1}\n"));
  for (int i = 0; i < 5; ++i) {
    EXPECT_OK(rig_.OfKey(Rig::CallAs("app", ops::kGetKey), "demo/app"));
  }
  EXPECT_OK(rig_.Seal(Rig::CallAs("app", ops::kWrap), Many(1)));
}

}  // namespace
}  // namespace strongroom::service
