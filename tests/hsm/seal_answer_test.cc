#include "strongroom/hsm/seal_answer.h"

#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"

namespace strongroom::hsm {
namespace {

using ::strongroom::testing::HasReason;

SealAnswer Lost(SealLoss loss) {
  return SealAnswer::MayHaveSealed(loss,
                                   Error(Reason::kHsmUnavailable, "lost"));
}

TEST(SealAnswerTest, MayHaveSealedCarriesTheFailureToGive) {
  const SealAnswer answer = Lost(SealLoss::kLogin);
  EXPECT_EQ(answer.may_have_sealed, SealLoss::kLogin);
  EXPECT_THAT(answer.sealed, HasReason(Reason::kHsmUnavailable));
}

TEST(SealRetriesTest, EachLossIsAskedForOnce) {
  SealRetries retries;
  EXPECT_TRUE(retries.Take(Lost(SealLoss::kSession)));
  EXPECT_FALSE(retries.Take(Lost(SealLoss::kSession)));
  EXPECT_TRUE(retries.Take(Lost(SealLoss::kLogin)));
  EXPECT_TRUE(retries.Take(Lost(SealLoss::kHandle)));
  for (const SealLoss loss :
       {SealLoss::kSession, SealLoss::kLogin, SealLoss::kHandle}) {
    EXPECT_FALSE(retries.Take(Lost(loss)));
  }
}

TEST(SealRetriesTest, ASealOrAFailureIsNotAskedForAgain) {
  SealRetries retries;
  EXPECT_FALSE(retries.Take(SealAnswer(Bytes(60))));
  EXPECT_FALSE(
      retries.Take(SealAnswer(Error(Reason::kHsmUnavailable, "away"))));
}

}  // namespace
}  // namespace strongroom::hsm
