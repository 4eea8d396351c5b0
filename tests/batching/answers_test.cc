#include "batching/answers.h"

#include <gmock/gmock.h>

#include "tests/batching/parts_rig.h"

namespace strongroom::batching {
namespace {

using ::strongroom::testing::HasReason;
using ::testing::SizeIs;

class AnswersTest : public PartsRig {
 protected:
  bool NothingOutstanding() {
    return outstanding_->WaitForNone(clock_.Steady());
  }

  Answers answers_{metrics_, *outstanding_, nullptr};
};

TEST_F(AnswersTest, ARequestIsHandedBackOnceWithItsLastSlice) {
  auto work = NewWork(5);
  answers_.Finish({Part(work, 0, 2)});
  EXPECT_THAT(answered_, SizeIs(0));
  answers_.Finish({Part(work, 4, 5)});
  EXPECT_THAT(answered_, SizeIs(0));
  EXPECT_FALSE(NothingOutstanding());
  answers_.Finish({Part(work, 2, 4)});
  ASSERT_THAT(answered_, SizeIs(1));
  EXPECT_THAT(answered_[0]->items, SizeIs(5));
  EXPECT_TRUE(NothingOutstanding());
}

TEST_F(AnswersTest, AFailureIsEachItemsOwnUnlessItHasOne) {
  auto work = NewWork(3);
  work->request->items[1].status = Error(Reason::kArgumentInvalid, "own");
  answers_.Finish({Part(work, 0, 1)});
  answers_.Fail({Part(work, 1, 3)}, Error(Reason::kHsmUnavailable, "gone"));
  ASSERT_THAT(answered_, SizeIs(1));
  EXPECT_OK(answered_[0]->items[0].status);
  EXPECT_THAT(answered_[0]->items[1].status,
              HasReason(Reason::kArgumentInvalid));
  EXPECT_THAT(answered_[0]->items[2].status,
              HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(answers_.items_sealed(), 1u);
}

TEST_F(AnswersTest, AFailureKeepsItsRetryDelay) {
  answers_.Fail({Part(NewWork(1), 0, 1)},
                Error(Reason::kQueueFull, "full", std::chrono::seconds(7)));
  ASSERT_THAT(answered_, SizeIs(1));
  EXPECT_EQ(RetryAfterOf(answered_[0]->items[0].status),
            std::chrono::seconds(7));
}

TEST_F(AnswersTest, TheAnswersOfABatchGoTogetherAndThoseOfOneRequestAlone) {
  int together = 0;
  Answers answers(metrics_, *outstanding_, [&](const auto& finish) {
    ++together;
    finish();
  });
  answers.Finish({Part(NewWork(1), 0, 1), Part(NewWork(2), 0, 2)});
  EXPECT_EQ(together, 1);
  EXPECT_THAT(answered_, SizeIs(2));
  answers.Finish({Part(NewWork(1), 0, 1)});
  EXPECT_EQ(together, 1);
  EXPECT_THAT(answered_, SizeIs(3));
}

TEST_F(AnswersTest, AWorkEndsWithItsLastSlice) {
  auto work = NewWork(1);
  const std::weak_ptr<SealWork> alive = work;
  Slice slice = Part(work, 0, 1);
  work.reset();
  answers_.Finish({std::move(slice)});
  EXPECT_TRUE(alive.expired());
}

}  // namespace
}  // namespace strongroom::batching
