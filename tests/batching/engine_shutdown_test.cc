#include <gmock/gmock.h>

#include <thread>

#include "tests/batching/engine_rig.h"

namespace strongroom::batching {
namespace {

using std::chrono::seconds;
using ::strongroom::testing::HasReason;

TEST(EngineShutdownTest, AnIdleEngineShutsDownAtOnceAndThenRefuses) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  const auto token = rig.SealNow(key)[0];
  EXPECT_TRUE(rig.engine->Shutdown(rig.clock.Steady()));
  EXPECT_THAT(rig.Seal(key)->status(), HasReason(Reason::kDraining));
  EXPECT_THAT(rig.Open({token})->status(), HasReason(Reason::kDraining));
  EXPECT_THAT(rig.Rewrap({token.header})->status(),
              HasReason(Reason::kDraining));
  EXPECT_EQ(rig.device.pending(), 0u);
  EXPECT_TRUE(rig.engine->Shutdown(rig.clock.Steady()));
}

TEST(EngineShutdownTest, WhatIsQueuedIsEndedInTime) {
  EngineRig rig(EngineRig::Manual(1, 1));
  const Uuid key = rig.keks.AddKey({.max_items = 1});
  auto answer = rig.Seal(key, 20);
  bool in_time = false;
  std::thread closer([&] {
    in_time = rig.engine->Shutdown(rig.clock.Steady() + seconds(600));
  });
  while (!answer->done()) {
    rig.device.RunAll();
    std::this_thread::yield();
  }
  closer.join();
  EXPECT_TRUE(in_time);
  for (int i = 0; i < 20; ++i) EXPECT_OK(answer->status(i));
}

TEST(EngineShutdownTest, WhatIsNotDoneInTimeIsAnsweredDraining) {
  EngineRig rig(EngineRig::Manual(2, 2));
  const Uuid key = rig.keks.AddKey({.max_items = 4});
  const auto token = rig.SealNow(key)[0];
  auto opening = rig.Open({token});
  auto sealing = rig.Seal(key, 40);
  EXPECT_EQ(rig.device.pending(), 2u);
  EXPECT_FALSE(rig.engine->Shutdown(rig.clock.Steady()));
  ASSERT_TRUE(opening->done());
  EXPECT_THAT(opening->status(), HasReason(Reason::kDraining));
  ASSERT_TRUE(sealing->done());
  for (int i = 0; i < 40; ++i) {
    EXPECT_THAT(sealing->status(i), HasReason(Reason::kDraining));
  }
  // The token's late answers find nobody, and nothing starts any more.
  EXPECT_EQ(rig.device.RunAll(), 2u);
  EXPECT_EQ(opening->times.load(), 1);
  EXPECT_EQ(sealing->times.load(), 1);
}

TEST(EngineShutdownTest, ARewrapBetweenItsTwoCallsIsAnsweredToo) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  const auto header = rig.SealNow(key)[0].header;
  rig.keks.Rotate(key);
  auto answer = rig.Rewrap({header});
  ASSERT_TRUE(rig.device.RunOne());
  EXPECT_FALSE(answer->done());
  EXPECT_FALSE(rig.engine->Shutdown(rig.clock.Steady()));
  EXPECT_THAT(answer->status(), HasReason(Reason::kDraining));
  rig.device.RunAll();
  EXPECT_EQ(answer->times.load(), 1);
}

TEST(EngineShutdownTest, TheTokenMayAnswerAfterTheEngineIsGone) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  const Uuid window = rig.keks.AddKey({.max_age = seconds(60)});
  auto answer = rig.Seal(key, 3);
  auto windowed = rig.Seal(window, 3);
  rig.engine.reset();
  ASSERT_TRUE(answer->done());
  ASSERT_TRUE(windowed->done());
  EXPECT_THAT(answer->status(2), HasReason(Reason::kDraining));
  EXPECT_THAT(windowed->status(2), HasReason(Reason::kDraining));
  EXPECT_EQ(rig.device.RunAll(), 2u);
  EXPECT_EQ(answer->times.load(), 1);
}

}  // namespace
}  // namespace strongroom::batching
