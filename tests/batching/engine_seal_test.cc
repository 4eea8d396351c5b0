#include <gmock/gmock.h>

#include <set>

#include "tests/batching/engine_rig.h"

namespace strongroom::batching {
namespace {

using std::chrono::seconds;
using ::strongroom::testing::FakeOperation;
using ::strongroom::testing::HasReason;
using ::testing::HasSubstr;

TEST(EngineSealTest, AnIdleKeyStartsAtOnceAndItsTokenOpensAgain) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  auto answer = rig.Seal(key);
  EXPECT_EQ(rig.device.pending(), 1u);
  EXPECT_FALSE(answer->done());
  rig.device.RunAll();
  ASSERT_TRUE(answer->done());
  ASSERT_OK(answer->status());
  EXPECT_EQ(answer->items()[0].key_version, 1u);
  auto opened = rig.Open({EngineRig::TokenOf(answer->items()[0])});
  rig.device.RunAll();
  ASSERT_OK(opened->status());
  EXPECT_EQ(ToBytes(opened->items()[0].secret.Expose()), Bytes(32, 0));
}

TEST(EngineSealTest, WhatWaitsTogetherSharesOneTokenOperation) {
  EngineRig rig(EngineRig::Manual(8, /*partial_batches=*/1));
  const Uuid key = rig.keks.AddKey();
  auto first = rig.Seal(key);
  std::vector<AnswerPtr<SealRequest>> rest;
  for (int i = 0; i < 100; ++i) {
    rest.push_back(rig.Seal(key, 1, i % 2 == 0 ? "anna" : "ben"));
  }
  EXPECT_EQ(rig.device.pending(), 1u);
  EXPECT_EQ(rig.engine->Stats().queued_items, 100u);
  ASSERT_TRUE(rig.device.RunOne());
  EXPECT_TRUE(first->done());
  EXPECT_EQ(rig.device.pending(), 1u);
  rig.device.RunAll();
  EXPECT_EQ(rig.seals(), 2u);
  for (const auto& answer : rest) {
    ASSERT_OK(answer->status());
    EXPECT_EQ(answer->items()[0].header, rest[0]->items()[0].header);
  }
  EXPECT_EQ(rig.engine->Stats().token_operations, 2u);
  EXPECT_EQ(rig.engine->Stats().items_sealed, 101u);
}

TEST(EngineSealTest, OnlySoManyBatchesThatAreNotFullAreInFlight) {
  EngineRig rig(EngineRig::Manual(8, /*partial_batches=*/2));
  const Uuid key = rig.keks.AddKey({.max_items = 10});
  for (int i = 0; i < 9; ++i) rig.Seal(key);
  EXPECT_EQ(rig.device.pending(), 2u);
  EXPECT_EQ(rig.engine->Stats().queued_items, 7u);
  // Another key is not held back by this one.
  const Uuid other = rig.keks.AddKey();
  rig.Seal(other);
  EXPECT_EQ(rig.device.pending(), 3u);
  rig.device.RunAll();
  EXPECT_EQ(rig.engine->Stats().queued_items, 0u);
}

TEST(EngineSealTest, FullBatchesTakeAnySessionButNoMoreThanThereAre) {
  EngineRig rig(EngineRig::Manual(/*workers=*/4, /*partial_batches=*/1));
  const Uuid key = rig.keks.AddKey({.max_items = 10});
  auto answer = rig.Seal(key, 100);
  EXPECT_EQ(rig.device.pending(), 4u);
  EXPECT_EQ(rig.engine->Stats().queued_items, 60u);
  rig.device.RunAll();
  ASSERT_TRUE(answer->done());
  EXPECT_EQ(rig.seals(), 10u);
  std::set<const Bytes*> headers;
  for (const SealItem& item : answer->items()) {
    ASSERT_OK(item.status);
    headers.insert(item.header.get());
  }
  EXPECT_EQ(headers.size(), 10u);
}

TEST(EngineSealTest, MaxItemsOfOneMeansOneTokenOperationEach) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey({.max_items = 1});
  auto answer = rig.Seal(key, 20);
  rig.device.RunAll();
  ASSERT_TRUE(answer->done());
  EXPECT_EQ(rig.seals(), 20u);
  EXPECT_EQ(rig.keks.seals(), 20u);
}

TEST(EngineSealTest, ABusyCallerDelaysAnotherByItsTurnOnly) {
  EngineRig rig(EngineRig::Manual(/*workers=*/1));
  const Uuid key = rig.keks.AddKey({.max_items = 1});
  std::vector<AnswerPtr<SealRequest>> busy;
  for (int i = 0; i < 1000; ++i) busy.push_back(rig.Seal(key, 1, "busy"));
  const Uuid other = rig.keks.AddKey({.max_items = 1});
  auto calm = rig.Seal(other, 1, "calm");
  // One of the busy caller's is on the token and one may take a turn before.
  for (int i = 0; i < 3; ++i) rig.device.RunOne();
  EXPECT_TRUE(calm->done());
  EXPECT_FALSE(busy[5]->done());
  rig.device.RunAll();
  for (const auto& answer : busy) EXPECT_TRUE(answer->done());
}

TEST(EngineSealTest, ACallerWithAThousandKeysTakesOneTurnAtATime) {
  EngineRig rig(EngineRig::Manual(/*workers=*/1));
  for (int i = 0; i < 1000; ++i) rig.Seal(rig.keks.AddKey(), 1, "many");
  auto one = rig.Seal(rig.keks.AddKey(), 1, "one");
  for (int i = 0; i < 3; ++i) rig.device.RunOne();
  EXPECT_TRUE(one->done());
}

TEST(EngineSealTest, WhatIsPastItsDeadlineIsDroppedBeforeTheTokenSeesIt) {
  EngineRig rig(EngineRig::Manual(1, 1));
  const Uuid key = rig.keks.AddKey();
  auto running = rig.Seal(key);
  auto request = rig.NewSeal(key, 3);
  request->deadline = rig.clock.Steady() + seconds(1);
  auto late = rig.Seal(std::move(request));
  auto in_time = rig.Seal(key);
  rig.clock.Advance(seconds(2));
  rig.device.RunAll();
  ASSERT_TRUE(late->done());
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(late->status(i), HasReason(Reason::kDeadlineExceeded));
  }
  EXPECT_OK(running->status());
  EXPECT_OK(in_time->status());
  EXPECT_EQ(rig.keks.seals(), 2u);
}

TEST(EngineSealTest, RunDueAnswersWhatExpiredWhileTheTokenHangs) {
  EngineRig rig(EngineRig::Manual(1, 1));
  const Uuid key = rig.keks.AddKey();
  auto running = rig.Seal(key);
  auto request = rig.NewSeal(key, 1);
  request->deadline = rig.clock.Steady() + seconds(1);
  auto late = rig.Seal(std::move(request));
  rig.engine->RunDue();
  EXPECT_FALSE(late->done());
  rig.clock.Advance(seconds(1));
  const SteadyTime next = rig.engine->RunDue();
  EXPECT_LE(next, rig.clock.Steady() + std::chrono::milliseconds(250));
  ASSERT_TRUE(late->done());
  EXPECT_THAT(late->status(), HasReason(Reason::kDeadlineExceeded));
  EXPECT_FALSE(running->done());
  rig.device.RunAll();
  EXPECT_OK(running->status());
}

TEST(EngineSealTest, ADeadlinePassedAtSubmissionNeverReachesTheToken) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  auto request = rig.NewSeal(key, 2);
  request->deadline = rig.clock.Steady();
  auto answer = rig.Seal(std::move(request));
  EXPECT_THAT(answer->status(1), HasReason(Reason::kDeadlineExceeded));
  EXPECT_EQ(rig.device.pending(), 0u);
}

TEST(EngineSealTest, AFailedTokenCallFailsExactlyItsItems) {
  EngineRig rig(EngineRig::Manual(8, 1));
  const Uuid key = rig.keks.AddKey({.max_items = 2});
  rig.device.FailNext(FakeOperation::kSeal,
                      Error(Reason::kHsmUnavailable, "the token is gone"));
  auto answer = rig.Seal(key, 5);
  rig.device.RunAll();
  ASSERT_TRUE(answer->done());
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(answer->status(i), HasReason(Reason::kHsmUnavailable,
                                             HasSubstr("the token is gone")));
    EXPECT_EQ(answer->items()[i].header, nullptr);
  }
  for (int i = 2; i < 5; ++i) EXPECT_OK(answer->status(i));
  EXPECT_EQ(answer->times.load(), 1);
}

TEST(EngineSealTest, ADeviceThatRefusesAtOnceIsAnswered) {
  auto options = EngineRig::Manual();
  options.queue_limit = 0;
  EngineRig rig(options);
  auto answer = rig.Seal(rig.keks.AddKey(), 3);
  ASSERT_TRUE(answer->done());
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(answer->status(i), HasReason(Reason::kHsmBusy));
  }
}

TEST(EngineSealTest, TheKekIsAskedForWhenTheTokenIsFree) {
  EngineRig rig(EngineRig::Manual(1, 1));
  const Uuid key = rig.keks.AddKey();
  auto before = rig.Seal(key);
  auto after = rig.Seal(key);
  rig.keks.Rotate(key);
  rig.device.RunAll();
  EXPECT_EQ(before->items()[0].key_version, 1u);
  EXPECT_EQ(after->items()[0].key_version, 2u);
}

TEST(EngineSealTest, WhatTheKekSourceSaysIsTheAnswer) {
  EngineRig rig;
  auto unknown = rig.Seal(Uuid::Random());
  EXPECT_THAT(unknown->status(), HasReason(Reason::kKeyNotFound));
  const Uuid key = rig.keks.AddKey();
  rig.keks.RefuseSeals(Error(Reason::kSealLimitReached, "rotate"));
  auto refused = rig.Seal(key, 2);
  EXPECT_THAT(refused->status(1), HasReason(Reason::kSealLimitReached));
  EXPECT_EQ(rig.device.pending(), 0u);
  rig.keks.RefuseSeals(OkStatus());
  auto good = rig.Seal(key);
  rig.device.RunAll();
  EXPECT_OK(good->status());
}

TEST(EngineSealTest, AFullQueueRefusesTheWholeRequestWithADelay) {
  EngineOptions options;
  options.max_queued_items = 10;
  options.retry_after = std::chrono::milliseconds(70);
  EngineRig rig(EngineRig::Manual(1, 1), options);
  const Uuid key = rig.keks.AddKey();
  rig.Seal(key);  // on the token, so it waits no more
  auto fits = rig.Seal(key, 8);
  auto refused = rig.Seal(key, 3);
  ASSERT_TRUE(refused->done());
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(refused->status(i), HasReason(Reason::kQueueFull));
    EXPECT_EQ(RetryAfterOf(refused->status(i)), std::chrono::milliseconds(70));
  }
  auto also_fits = rig.Seal(key, 2);
  EXPECT_FALSE(also_fits->done());
  rig.device.RunAll();
  EXPECT_OK(fits->status());
  EXPECT_OK(also_fits->status());
}

TEST(EngineSealTest, TheRequestsOfABatchAreFinishedTogether) {
  EngineOptions options;
  int groups = 0;
  bool inside = false;
  options.together = [&](const std::function<void()>& finish) {
    ++groups;
    inside = true;
    finish();
    inside = false;
  };
  EngineRig rig(EngineRig::Manual(1, 1), options);
  const Uuid key = rig.keks.AddKey();
  auto alone = rig.Seal(key);
  std::vector<bool> finished_inside;
  for (int i = 0; i < 3; ++i) {
    auto request = rig.NewSeal(key, 2);
    request->done = [&](std::unique_ptr<SealRequest> back) {
      EXPECT_OK(back->items[1].status);
      finished_inside.push_back(inside);
    };
    rig.engine->Seal(std::move(request));
  }
  rig.device.RunAll();
  EXPECT_OK(alone->status());
  EXPECT_EQ(finished_inside, std::vector<bool>({true, true, true}));
  EXPECT_EQ(groups, 1);
}

TEST(EngineSealTest, TheQueueIsBoundedInBytesToo) {
  EngineOptions options;
  options.max_queued_bytes = 100;
  EngineRig rig(EngineRig::Manual(1, 1), options);
  const Uuid key = rig.keks.AddKey();
  rig.Seal(key);
  rig.Seal(key, 3);  // 96 bytes
  auto refused = rig.Seal(key);
  EXPECT_THAT(refused->status(), HasReason(Reason::kQueueFull));
  rig.device.RunAll();
  EXPECT_FALSE(rig.Seal(key)->done());
  rig.device.RunAll();
}

TEST(EngineSealTest, SecretsAreWipedOnceSealedUnlessTheyAreToBeKept) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  auto wiped = rig.Seal(key, 2);
  auto request = rig.NewSeal(key, 2);
  request->keep_secrets = true;
  auto kept = rig.Seal(std::move(request));
  rig.device.RunAll();
  EXPECT_TRUE(wiped->items()[1].secret.empty());
  EXPECT_EQ(kept->items()[1].secret.size(), 32u);
}

TEST(EngineSealTest, NoSecretOfTheEngineIsLeftWhenItIsIdle) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  const size_t before = GetSecretArenaStats().bytes_in_use;
  rig.Seal(key, 50);
  rig.device.RunAll();
  rig.device.FailNext(FakeOperation::kSeal,
                      Error(Reason::kHsmUnexpected, "fault"));
  rig.Seal(key, 50);
  rig.device.RunAll();
  EXPECT_EQ(GetSecretArenaStats().bytes_in_use, before);
}

TEST(EngineSealTest, AnItemThatCannotBeSealedFailsAlone) {
  EngineRig rig;
  auto request = rig.NewSeal(rig.keks.AddKey(), 4);
  request->items[1].secret = SecretBytes(65);  // a DEK has at most 64 bytes
  request->items[2].status = Error(Reason::kContextInvalid, "too long");
  auto answer = rig.Seal(std::move(request));
  rig.device.RunAll();
  EXPECT_OK(answer->status(0));
  EXPECT_FALSE(answer->status(1).ok());
  EXPECT_THAT(answer->status(2), HasReason(Reason::kContextInvalid));
  EXPECT_OK(answer->status(3));
  auto opened = rig.Open({EngineRig::TokenOf(answer->items()[0]),
                          EngineRig::TokenOf(answer->items()[3])});
  rig.device.RunAll();
  EXPECT_OK(opened->status(0));
  EXPECT_OK(opened->status(1));
}

TEST(EngineSealTest, ARequestWithNothingToDoIsAnsweredWithoutTheToken) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  EXPECT_TRUE(rig.Seal(key, 0)->done());
  auto request = rig.NewSeal(key, 1);
  request->items[0].status = Error(Reason::kDekSizeInvalid, "7 bytes");
  EXPECT_TRUE(rig.Seal(std::move(request))->done());
  EXPECT_TRUE(rig.Open(std::vector<envelope::Token>{})->done());
  EXPECT_TRUE(rig.Rewrap({})->done());
  EXPECT_EQ(rig.device.pending(), 0u);
}

TEST(EngineSealTest, ABatchMayMixPurposesAndKeepsItsNoncesApart) {
  EngineRig rig(EngineRig::Manual(1, 1));
  const Uuid key = rig.keks.AddKey();
  rig.Seal(key);
  auto deks = rig.Seal(key, 3);
  auto request = rig.NewSeal(key, 3);
  request->purpose = envelope::Purpose::kData;
  auto data = rig.Seal(std::move(request));
  rig.device.RunAll();
  EXPECT_EQ(rig.seals(), 2u);
  std::set<uint32_t> indices;
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(deks->status(i));
    ASSERT_OK(data->status(i));
    indices.insert(EngineRig::TokenOf(deks->items()[i]).leaf.index);
    indices.insert(EngineRig::TokenOf(data->items()[i]).leaf.index);
  }
  EXPECT_EQ(indices.size(), 6u);
}

TEST(EngineSealTest, DoneMaySubmitAgainFromWithin) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  int rounds = 0;
  std::function<void()> submit = [&] {
    auto request = rig.NewSeal(key, 1);
    request->done = [&](std::unique_ptr<SealRequest> back) {
      EXPECT_OK(back->items[0].status);
      if (++rounds < 500) submit();
    };
    rig.engine->Seal(std::move(request));
  };
  submit();
  rig.device.RunAll();
  EXPECT_EQ(rounds, 500);
}

}  // namespace
}  // namespace strongroom::batching
