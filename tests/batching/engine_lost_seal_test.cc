// MAY_HAVE_SEALED: the token lost a seal in the middle. The engine counts a
// further one and asks for it; nothing is sealed that was not counted.
#include <gmock/gmock.h>

#include "tests/batching/engine_rig.h"

namespace strongroom::batching {
namespace {

using hsm::SealLoss;
using std::chrono::seconds;
using ::strongroom::testing::HasReason;

constexpr SealLoss kLosses[] = {SealLoss::kSession, SealLoss::kLogin,
                                SealLoss::kHandle};

void ExpectOpens(EngineRig& rig, const envelope::Token& token) {
  auto opened = rig.Open({token});
  rig.device.RunAll();
  ASSERT_TRUE(opened->done());
  EXPECT_OK(opened->status());
}

TEST(EngineLostSealTest, ALostSealIsCountedAndMadeAgain) {
  for (const SealLoss loss : kLosses) {
    EngineRig rig;
    const Uuid key = rig.keks.AddKey();
    rig.device.LoseNextSeal(loss);
    auto answer = rig.Seal(key, 3);
    rig.device.RunAll();
    ASSERT_TRUE(answer->done());
    for (size_t i = 0; i < 3; ++i) ASSERT_OK(answer->status(i));
    EXPECT_EQ(rig.seals(), 2u);
    EXPECT_EQ(rig.keks.seals(), 2u);
    EXPECT_EQ(answer->request->cost.token_operations, 2u);
    ExpectOpens(rig, EngineRig::TokenOf(answer->items()[2]));
  }
}

TEST(EngineLostSealTest, EachKindOfLossIsGotOverOnce) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  for (const SealLoss loss : kLosses) rig.device.LoseNextSeal(loss);
  auto answer = rig.Seal(key);
  rig.device.RunAll();
  ASSERT_OK(answer->status());
  EXPECT_EQ(rig.seals(), 4u);
  EXPECT_EQ(rig.keks.seals(), 4u);
}

TEST(EngineLostSealTest, TheSameLossAgainIsTheCallersToRetry) {
  for (const SealLoss loss : kLosses) {
    EngineRig rig;
    const Uuid key = rig.keks.AddKey();
    rig.device.LoseNextSeal(loss, 2);
    auto answer = rig.Seal(key);
    rig.device.RunAll();
    EXPECT_THAT(answer->status(), HasReason(Reason::kHsmUnavailable));
    EXPECT_EQ(rig.seals(), 2u);
    EXPECT_EQ(rig.keks.seals(), 2u);
    EXPECT_EQ(rig.device.pending(), 0u);
    EXPECT_EQ(rig.engine->Stats().queued_items, 0u);
  }
}

TEST(EngineLostSealTest, NothingIsSealedThatCouldNotBeCounted) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  rig.device.LoseNextSeal(SealLoss::kSession);
  auto answer = rig.Seal(key);
  rig.keks.RefuseSeals(Error(Reason::kSealLimitReached, "rotate"));
  rig.device.RunAll();
  EXPECT_THAT(answer->status(), HasReason(Reason::kSealLimitReached));
  EXPECT_EQ(rig.seals(), 1u);
}

TEST(EngineLostSealTest, TheFurtherSealIsUnderTheVersionThatIsPrimaryThen) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  rig.device.LoseNextSeal(SealLoss::kSession);
  auto answer = rig.Seal(key);
  rig.keks.Rotate(key);
  rig.keks.Disable(key, 1);
  rig.device.RunAll();
  ASSERT_OK(answer->status());
  EXPECT_EQ(answer->items()[0].key_version, 2u);
  ExpectOpens(rig, EngineRig::TokenOf(answer->items()[0]));
}

TEST(EngineLostSealTest, AWindowOpensUnderTheVersionOfTheFurtherSeal) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey({.max_age = seconds(60)});
  rig.device.LoseNextSeal(SealLoss::kLogin);
  auto first = rig.Seal(key);
  rig.keks.Rotate(key);
  rig.engine->EndWindows(key);
  rig.device.RunAll();
  ASSERT_OK(first->status());
  auto second = rig.Seal(key);
  ASSERT_TRUE(second->done()) << "the window took it";
  EXPECT_EQ(second->items()[0].key_version, 2u);
  ExpectOpens(rig, EngineRig::TokenOf(second->items()[0]));
}

TEST(EngineLostSealTest, PastItsDeadlineASealIsNotAskedForAgain) {
  EngineRig rig(EngineRig::Threads(1));
  const Uuid key = rig.keks.AddKey();
  rig.device.LoseNextSeal(SealLoss::kSession);
  rig.device.Hold();
  auto answer = rig.Seal(key);
  rig.device.WaitUntilHeld(1);
  rig.clock.Advance(seconds(6));
  rig.device.Release();
  ASSERT_TRUE(rig.engine->Shutdown(rig.clock.Steady() + seconds(60)));
  EXPECT_THAT(answer->status(), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(rig.seals(), 1u);
  EXPECT_EQ(rig.keks.seals(), 1u);
}

TEST(EngineLostSealTest, AShutdownAnswersForTheFurtherSeal) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  rig.device.LoseNextSeal(SealLoss::kSession);
  auto answer = rig.Seal(key);
  ASSERT_TRUE(rig.device.RunOne());
  EXPECT_EQ(rig.device.pending(), 1u);
  EXPECT_FALSE(answer->done());
  EXPECT_FALSE(rig.engine->Shutdown(rig.clock.Steady()));
  ASSERT_TRUE(answer->done());
  EXPECT_THAT(answer->status(), HasReason(Reason::kDraining));
  rig.device.RunAll();
  EXPECT_EQ(answer->times.load(), 1);
}

TEST(EngineLostSealTest, ARewrapsLostSealIsCountedAndMadeAgain) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  auto token = rig.SealNow(key)[0];
  rig.keks.Rotate(key);
  rig.device.LoseNextSeal(SealLoss::kSession);
  auto answer = rig.Rewrap({token.header});
  rig.device.RunAll();
  ASSERT_OK(answer->status());
  EXPECT_EQ(rig.seals(), 3u);
  EXPECT_EQ(rig.keks.seals(), 3u);
  EXPECT_EQ(rig.opens(), 1u) << "the batch key was open already";
  token.header = answer->items()[0].header;
  EXPECT_EQ(token.header.key_version, 2u);
  ExpectOpens(rig, token);
}

TEST(EngineLostSealTest, ARewrapThatLosesTheSameAgainFails) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  const auto header = rig.SealNow(key)[0].header;
  rig.keks.Rotate(key);
  rig.device.LoseNextSeal(SealLoss::kHandle, 2);
  auto answer = rig.Rewrap({header});
  rig.device.RunAll();
  EXPECT_THAT(answer->status(), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(answer->items()[0].header, header);
  EXPECT_EQ(rig.seals(), rig.keks.seals());
}

TEST(EngineLostSealTest, ARewrapsFurtherSealThatCannotBeCountedIsNotMade) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  const auto header = rig.SealNow(key)[0].header;
  rig.keks.Rotate(key);
  rig.device.LoseNextSeal(SealLoss::kSession);
  auto answer = rig.Rewrap({header});
  ASSERT_TRUE(rig.device.RunOne());
  rig.keks.RefuseSeals(Error(Reason::kSealLimitReached, "rotate"));
  const uint64_t seals = rig.seals();
  rig.device.RunAll();
  EXPECT_THAT(answer->status(), HasReason(Reason::kSealLimitReached));
  EXPECT_EQ(rig.seals(), seals + 1);
}

}  // namespace
}  // namespace strongroom::batching
