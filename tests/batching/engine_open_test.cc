#include <gmock/gmock.h>

#include "tests/batching/engine_rig.h"

namespace strongroom::batching {
namespace {

using std::chrono::seconds;
using ::strongroom::testing::FakeOperation;
using ::strongroom::testing::HasReason;

std::string Message(const Status& status) {
  return std::string(MessageOf(status));
}

TEST(EngineOpenTest, ItemsOfOneHeaderShareOneTokenOperation) {
  EngineRig rig;
  auto tokens = rig.SealNow(rig.keks.AddKey(), 50);
  auto answer = rig.Open(tokens);
  EXPECT_EQ(rig.device.pending(), 1u);
  rig.device.RunAll();
  EXPECT_EQ(rig.opens(), 1u);
  for (size_t i = 0; i < tokens.size(); ++i) {
    ASSERT_OK(answer->status(i));
    EXPECT_EQ(ToBytes(answer->items()[i].secret.Expose()),
              Bytes(32, static_cast<uint8_t>(i)));
  }
  EXPECT_EQ(rig.engine->Stats().items_opened, 50u);
}

TEST(EngineOpenTest, RequestsThatWaitForOneHeaderShareItToo) {
  EngineRig rig(EngineRig::Manual(8, 1));
  auto tokens = rig.SealNow(rig.keks.AddKey(), 30);
  std::vector<AnswerPtr<OpenRequest>> answers;
  for (int i = 0; i < 30; ++i) {
    answers.push_back(rig.Open({tokens[i]}, i % 2 == 0 ? "anna" : "ben"));
  }
  rig.device.RunAll();
  EXPECT_EQ(rig.opens(), 2u);  // the first went at once
  for (const auto& answer : answers) EXPECT_OK(answer->status());
}

TEST(EngineOpenTest, HeadersThatDifferInAnyBitAreNeverGrouped) {
  EngineRig rig(EngineRig::Manual(1000));
  const auto good = rig.SealNow(rig.keks.AddKey())[0];
  for (size_t bit = 0; bit < good.header.sealed.size() * 8; ++bit) {
    envelope::Token bad = good;
    bad.header.sealed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const uint64_t before = rig.opens();
    auto answer = rig.Open({bad, good, bad});
    rig.device.RunAll();
    EXPECT_EQ(rig.opens(), before + 2);
    EXPECT_THAT(answer->status(0), HasReason(Reason::kNotAuthentic));
    EXPECT_OK(answer->status(1));
    EXPECT_THAT(answer->status(2), HasReason(Reason::kNotAuthentic));
  }
}

TEST(EngineOpenTest, WhateverIsWrongWithTheDataTheWordsAreTheSame) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  const auto good = rig.SealNow(key)[0];
  std::vector<envelope::Token> bad(6, good);
  bad[0].header.sealed[20] ^= 1;
  bad[1].header.batch_id = Uuid::Random();
  bad[2].leaf.sealed[0] ^= 1;
  bad[3].leaf.index ^= 1;
  bad[4].leaf.purpose = envelope::Purpose::kData;
  bad[5].header.sealed.resize(61);
  auto request = rig.NewOpen(bad);
  request->items.emplace_back().token = good;
  request->items.back().context = {1, 2, 3};
  auto answer = rig.Open(std::move(request));
  rig.device.RunAll();
  ASSERT_TRUE(answer->done());
  for (size_t i = 0; i < answer->items().size(); ++i) {
    EXPECT_THAT(answer->status(i), HasReason(Reason::kNotAuthentic)) << i;
    EXPECT_EQ(Message(answer->status(i)), Message(answer->status(0))) << i;
    EXPECT_TRUE(answer->items()[i].secret.empty());
  }
}

TEST(EngineOpenTest, AnItemSealedForAnotherPurposeIsRefusedWithoutTheToken) {
  EngineRig rig;
  const auto token = rig.SealNow(rig.keks.AddKey())[0];
  auto request = rig.NewOpen({token});
  request->purpose = envelope::Purpose::kData;
  auto answer = rig.Open(std::move(request));
  EXPECT_THAT(answer->status(), HasReason(Reason::kNotAuthentic));
  EXPECT_EQ(rig.device.pending(), 0u);
}

TEST(EngineOpenTest, ItemsThatComeWithAFailurePassThroughUntouched) {
  EngineRig rig;
  const auto tokens = rig.SealNow(rig.keks.AddKey(), 2);
  auto request = rig.NewOpen(tokens);
  request->items[0].status = Error(Reason::kMalformed, "too short");
  auto answer = rig.Open(std::move(request));
  rig.device.RunAll();
  EXPECT_THAT(answer->status(0), HasReason(Reason::kMalformed));
  EXPECT_TRUE(answer->items()[0].secret.empty());
  EXPECT_OK(answer->status(1));
}

TEST(EngineOpenTest, VersionsAreCheckedWhenTheTokenIsFreeNotAtSubmission) {
  EngineRig rig(EngineRig::Manual(1));
  const Uuid key = rig.keks.AddKey();
  const auto first = rig.SealNow(key)[0];
  const auto second = rig.SealNow(key)[0];
  rig.keks.Rotate(key);
  auto running = rig.Open({first});
  auto waiting = rig.Open({second});
  rig.keks.Disable(key, 1);
  rig.device.RunAll();
  EXPECT_OK(running->status());
  EXPECT_THAT(waiting->status(), HasReason(Reason::kVersionState));
  EXPECT_EQ(rig.opens(), 1u);
}

TEST(EngineOpenTest, AVersionThatDoesNotExistIsSaidSo) {
  EngineRig rig;
  auto token = rig.SealNow(rig.keks.AddKey())[0];
  token.header.key_version = 7;
  auto answer = rig.Open({token});
  EXPECT_THAT(answer->status(), HasReason(Reason::kVersionNotFound));
}

TEST(EngineOpenTest, AFailedTokenCallFailsItsHeaderAlone) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  const auto a = rig.SealNow(key)[0];
  const auto b = rig.SealNow(key)[0];
  rig.device.FailNext(FakeOperation::kOpen,
                      Error(Reason::kHsmUnavailable, "gone"));
  auto answer = rig.Open({a, b, a});
  rig.device.RunAll();
  EXPECT_THAT(answer->status(0), HasReason(Reason::kHsmUnavailable));
  EXPECT_OK(answer->status(1));
  EXPECT_THAT(answer->status(2), HasReason(Reason::kHsmUnavailable));
}

TEST(EngineOpenTest, ABusyCallerDoesNotHoldUpAnothersOpenOfTheSameHeader) {
  EngineRig rig(EngineRig::Manual(1));
  const Uuid key = rig.keks.AddKey();
  std::vector<envelope::Token> tokens;
  for (int i = 0; i < 50; ++i) tokens.push_back(rig.SealNow(key)[0]);
  auto busy = rig.Open(tokens, "busy");
  auto calm = rig.Open({tokens.back()}, "calm");
  for (int i = 0; i < 3; ++i) rig.device.RunOne();
  EXPECT_TRUE(calm->done());
  EXPECT_FALSE(busy->done());
  rig.device.RunAll();
  EXPECT_EQ(rig.opens(), 50u);  // the shared one served both
  for (size_t i = 0; i < 50; ++i) EXPECT_OK(busy->status(i));
}

TEST(EngineOpenTest, ExpiredItemsAreDroppedFromAGroup) {
  EngineRig rig(EngineRig::Manual(1));
  const Uuid key = rig.keks.AddKey();
  const auto a = rig.SealNow(key)[0];
  const auto b = rig.SealNow(key)[0];
  auto running = rig.Open({a});
  auto request = rig.NewOpen({b});
  request->deadline = rig.clock.Steady() + seconds(1);
  auto late = rig.Open(std::move(request));
  auto in_time = rig.Open({b});
  rig.clock.Advance(seconds(1));
  rig.device.RunAll();
  EXPECT_OK(running->status());
  EXPECT_THAT(late->status(), HasReason(Reason::kDeadlineExceeded));
  EXPECT_OK(in_time->status());
}

TEST(EngineOpenTest, NoBatchKeyIsLeftWhenTheAnswerIsGiven) {
  EngineRig rig;
  const auto tokens = rig.SealNow(rig.keks.AddKey(), 10);
  const size_t before = GetSecretArenaStats().bytes_in_use;
  size_t at_done = 0;
  auto request = rig.NewOpen(tokens);
  request->items[0].token.leaf.sealed[0] ^= 1;
  request->done = [&](std::unique_ptr<OpenRequest> back) {
    back.reset();
    at_done = GetSecretArenaStats().bytes_in_use;
  };
  rig.engine->Open(std::move(request));
  rig.device.RunAll();
  // The fake device's own copy of its input is 60 bytes: one block of 64.
  EXPECT_LE(at_done, before + 64);
  EXPECT_EQ(GetSecretArenaStats().bytes_in_use, before);
}

TEST(EngineRewrapTest, OnlyVersionAndSealedChangeAndTheLeafOpensAgain) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  auto token = rig.SealNow(key)[0];
  rig.keks.Rotate(key);
  auto answer = rig.Rewrap({token.header});
  rig.device.RunAll();
  ASSERT_OK(answer->status());
  const envelope::Header& header = answer->items()[0].header;
  EXPECT_EQ(header.key_version, 2u);
  EXPECT_EQ(header.key_id, token.header.key_id);
  EXPECT_EQ(header.batch_id, token.header.batch_id);
  EXPECT_NE(header.sealed, token.header.sealed);
  token.header = header;
  auto opened = rig.Open({token});
  rig.device.RunAll();
  EXPECT_OK(opened->status());
}

TEST(EngineRewrapTest, EqualHeadersAreRewrappedOnceWithEqualResults) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  const auto a = rig.SealNow(key)[0].header;
  const auto b = rig.SealNow(key)[0].header;
  rig.keks.Rotate(key);
  const uint64_t seals = rig.seals();
  auto answer = rig.Rewrap({a, b, a, a});
  rig.device.RunAll();
  EXPECT_EQ(rig.opens(), 2u);
  EXPECT_EQ(rig.seals(), seals + 2);
  EXPECT_EQ(rig.engine->Stats().token_operations, 2 + 4u);
  EXPECT_EQ(answer->items()[0].header, answer->items()[2].header);
  EXPECT_EQ(answer->items()[0].header, answer->items()[3].header);
  EXPECT_FALSE(answer->items()[0].header == answer->items()[1].header);
}

TEST(EngineRewrapTest, AHeaderAtThePrimaryIsReturnedWithoutATokenCall) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  const auto header = rig.SealNow(key)[0].header;
  const uint64_t counted = rig.keks.seals();
  auto answer = rig.Rewrap({header});
  ASSERT_OK(answer->status());
  EXPECT_EQ(answer->items()[0].header, header);
  EXPECT_EQ(rig.device.pending(), 0u);
  EXPECT_EQ(rig.keks.seals(), counted);
}

TEST(EngineRewrapTest, AForgedHeaderIsRefusedAndSealsNothing) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  auto header = rig.SealNow(key)[0].header;
  rig.keks.Rotate(key);
  header.sealed.back() ^= 1;
  const uint64_t seals = rig.seals();
  auto answer = rig.Rewrap({header});
  rig.device.RunAll();
  EXPECT_THAT(answer->status(), HasReason(Reason::kNotAuthentic));
  EXPECT_EQ(answer->items()[0].header, header);
  EXPECT_EQ(rig.seals(), seals);
}

TEST(EngineRewrapTest, ADisabledOrUnknownVersionIsRefused) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  auto header = rig.SealNow(key)[0].header;
  rig.keks.Rotate(key);
  rig.keks.Disable(key, 1);
  EXPECT_THAT(rig.Rewrap({header})->status(), HasReason(Reason::kVersionState));
  header.key_version = 9;
  EXPECT_THAT(rig.Rewrap({header})->status(),
              HasReason(Reason::kVersionNotFound));
  header.key_id = Uuid::Random();
  EXPECT_THAT(rig.Rewrap({header})->status(), HasReason(Reason::kKeyNotFound));
}

TEST(EngineRewrapTest, AFailureAtEitherCallLeavesTheHeaderAsItWas) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  const auto header = rig.SealNow(key)[0].header;
  rig.keks.Rotate(key);
  for (FakeOperation operation : {FakeOperation::kOpen, FakeOperation::kSeal}) {
    rig.device.FailNext(operation, Error(Reason::kHsmUnavailable, "gone"));
    auto answer = rig.Rewrap({header});
    rig.device.RunAll();
    EXPECT_THAT(answer->status(), HasReason(Reason::kHsmUnavailable));
    EXPECT_EQ(answer->items()[0].header, header);
  }
  rig.keks.RefuseSeals(Error(Reason::kSealLimitReached, "rotate"));
  auto answer = rig.Rewrap({header});
  rig.device.RunAll();
  EXPECT_THAT(answer->status(), HasReason(Reason::kSealLimitReached));
  EXPECT_EQ(answer->items()[0].header, header);
}

}  // namespace
}  // namespace strongroom::batching
