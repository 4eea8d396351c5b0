#include <gmock/gmock.h>

#include <atomic>
#include <set>
#include <thread>

#include "batching/windows.h"
#include "tests/batching/engine_rig.h"

namespace strongroom::batching {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::strongroom::testing::FakeOperation;

const model::BatchPolicy kWindow{.max_items = 100, .max_age = seconds(10)};

TEST(EngineWindowTest, LeavesAreSealedUnderAnOpenWindowWithoutTheToken) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey(kWindow);
  auto tokens = rig.SealNow(key, 2);
  EXPECT_EQ(rig.engine->Stats().open_windows, 1u);
  auto answer = rig.Seal(key, 3);
  ASSERT_TRUE(answer->done());
  EXPECT_EQ(rig.seals(), 1u);
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(answer->status(i));
    tokens.push_back(EngineRig::TokenOf(answer->items()[i]));
    EXPECT_EQ(tokens.back().header, tokens[0].header);
    EXPECT_EQ(tokens.back().leaf.index, 2u + i);
  }
  EXPECT_NE(tokens[0].leaf.salt, tokens[2].leaf.salt);
  auto opened = rig.Open(tokens);
  rig.device.RunAll();
  for (int i = 0; i < 5; ++i) EXPECT_OK(opened->status(i));
}

TEST(EngineWindowTest, WithoutMaxAgeNoWindowStaysOpen) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey();
  rig.SealNow(key);
  EXPECT_EQ(rig.engine->Stats().open_windows, 0u);
  EXPECT_FALSE(rig.Seal(key)->done());
  rig.device.RunAll();
}

TEST(EngineWindowTest, WhatWaitsForAWindowIsSealedUnderItWhenItOpens) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey(kWindow);
  std::vector<AnswerPtr<SealRequest>> answers;
  for (int i = 0; i < 20; ++i) answers.push_back(rig.Seal(key));
  EXPECT_EQ(rig.device.pending(), 1u);
  ASSERT_TRUE(rig.device.RunOne());
  EXPECT_EQ(rig.device.pending(), 0u);
  for (const auto& answer : answers) EXPECT_OK(answer->status());
  EXPECT_EQ(rig.seals(), 1u);
}

TEST(EngineWindowTest, AWindowEndsWithItsLeaves) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey(kWindow);
  rig.SealNow(key, 40);
  EXPECT_TRUE(rig.Seal(key, 60)->done());
  EXPECT_EQ(rig.engine->Stats().open_windows, 0u);
  EXPECT_FALSE(rig.Seal(key)->done());
  EXPECT_EQ(rig.device.pending(), 1u);
  rig.device.RunAll();
}

TEST(EngineWindowTest, AWindowEndsWithItsAgeAndRunDueWipesItsKey) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey(kWindow);
  const size_t before = GetSecretArenaStats().bytes_in_use;
  rig.SealNow(key);
  EXPECT_EQ(GetSecretArenaStats().bytes_in_use, before + 32);
  rig.clock.Advance(seconds(10) - milliseconds(1));
  EXPECT_EQ(rig.engine->RunDue(), rig.clock.Steady() + milliseconds(1));
  EXPECT_EQ(rig.engine->Stats().open_windows, 1u);
  rig.clock.Advance(milliseconds(1));
  rig.engine->RunDue();
  EXPECT_EQ(rig.engine->Stats().open_windows, 0u);
  EXPECT_EQ(GetSecretArenaStats().bytes_in_use, before);
}

TEST(EngineWindowTest, AnAgedWindowSealsNothingEvenIfNobodyEndedIt) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey(kWindow);
  rig.SealNow(key);
  rig.clock.Advance(seconds(10));
  EXPECT_FALSE(rig.Seal(key)->done());
  EXPECT_EQ(rig.device.pending(), 1u);
  rig.device.RunAll();
}

TEST(EngineWindowTest, EndWindowsWipesTheKeyAndTheNextSealAsksTheToken) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey(kWindow);
  const Uuid other = rig.keks.AddKey(kWindow);
  const size_t before = GetSecretArenaStats().bytes_in_use;
  rig.SealNow(key);
  rig.SealNow(other);
  rig.engine->EndWindows(key);
  EXPECT_EQ(rig.engine->Stats().open_windows, 1u);
  EXPECT_EQ(GetSecretArenaStats().bytes_in_use, before + 32);
  EXPECT_FALSE(rig.Seal(key)->done());
  EXPECT_TRUE(rig.Seal(other)->done());
  rig.device.RunAll();
}

TEST(EngineWindowTest, AWindowOfAVersionThatIsNotPrimarySealsNothing) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey(kWindow);
  rig.SealNow(key);
  rig.keks.Rotate(key);
  auto answer = rig.Seal(key);
  EXPECT_FALSE(answer->done());
  rig.device.RunAll();
  EXPECT_EQ(answer->items()[0].key_version, 2u);
}

TEST(EngineWindowTest, ABatchOnTheTokenWhileWindowsEndOpensNone) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey(kWindow);
  auto answer = rig.Seal(key);
  rig.engine->EndWindows(key);
  rig.device.RunAll();
  EXPECT_OK(answer->status());
  EXPECT_EQ(rig.engine->Stats().open_windows, 0u);
}

TEST(EngineWindowTest, AFailedTokenCallOpensNoWindow) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey(kWindow);
  rig.device.FailNext(FakeOperation::kSeal,
                      Error(Reason::kHsmUnavailable, "gone"));
  auto answer = rig.Seal(key);
  rig.device.RunAll();
  EXPECT_FALSE(answer->status().ok());
  EXPECT_EQ(rig.engine->Stats().open_windows, 0u);
}

TEST(EngineWindowTest, ShutdownWipesOpenWindows) {
  EngineRig rig;
  const Uuid key = rig.keks.AddKey(kWindow);
  rig.SealNow(key);
  EXPECT_TRUE(rig.engine->Shutdown(rig.clock.Steady()));
  EXPECT_EQ(rig.engine->Stats().open_windows, 0u);
  EXPECT_FALSE(rig.Seal(key)->status().ok());
}

TEST(WindowsTest, EndWaitsForWhoeverSeals) {
  Keks keks(std::make_shared<testing::ObjectTable>());
  const Uuid key = keks.AddKey(kWindow);
  Windows windows(keks);
  auto window = std::make_shared<Windows::Window>();
  window->kek = *keks.Primary(key);
  window->batch_key = SecretBytes(32);
  window->end = SteadyTime::max();
  window->limit = 10;
  windows.Open(window, windows.epoch());
  auto lease = windows.Claim(key, 1, SteadyTime());
  ASSERT_TRUE(lease.has_value());
  std::atomic<bool> ended{false};
  std::thread ender([&] {
    windows.End(key);
    ended.store(true);
  });
  while (windows.open() > 0) std::this_thread::yield();
  EXPECT_FALSE(windows.Claim(key, 1, SteadyTime()).has_value());
  EXPECT_FALSE(ended.load());
  EXPECT_EQ(lease->window().batch_key.size(), 32u);
  lease.reset();
  ender.join();
  EXPECT_TRUE(ended.load());
  EXPECT_TRUE(window->batch_key.empty());
}

TEST(WindowsTest, AClaimIsAllOrNothing) {
  Keks keks(std::make_shared<testing::ObjectTable>());
  const Uuid key = keks.AddKey(kWindow);
  Windows windows(keks);
  auto window = std::make_shared<Windows::Window>();
  window->kek = *keks.Primary(key);
  window->end = SteadyTime::max();
  window->next_index = 4;
  window->limit = 10;
  windows.Open(window, windows.epoch());
  EXPECT_FALSE(windows.Claim(key, 7, SteadyTime()).has_value());
  EXPECT_EQ(windows.Claim(key, 5, SteadyTime())->first_index(), 4u);
  EXPECT_EQ(windows.Claim(key, 1, SteadyTime())->first_index(), 9u);
  EXPECT_FALSE(windows.Claim(key, 1, SteadyTime()).has_value());
}

}  // namespace
}  // namespace strongroom::batching
