#include "hsm/pkcs11/keeper.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "tests/testing/fake_clock.h"

namespace strongroom::hsm {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using ::strongroom::testing::FakeClock;

class KeeperTest : public ::testing::Test {
 protected:
  ~KeeperTest() override { keeper_.Stop(); }
  void WaitForTurns(int turns) {
    while (turns_ < turns) std::this_thread::yield();
  }

  FakeClock clock_;
  Keeper keeper_{clock_};
  std::atomic<int> turns_{0};
};

TEST_F(KeeperTest, WhatIsDueIsDoneAgainWhenItsTimeHasCome) {
  keeper_.Start([this] {
    return ++turns_ < 5 ? clock_.Steady() + milliseconds(1) : SteadyTime::max();
  });
  WaitForTurns(5);
}

TEST_F(KeeperTest, AnEarlierTimeWakesTheThread) {
  keeper_.Start([this] {
    ++turns_;
    return clock_.Steady() + hours(1);
  });
  for (int turns = 1; turns <= 100; ++turns) {
    WaitForTurns(turns);
    keeper_.WakeBy(clock_.Steady() + milliseconds(1));
  }
  WaitForTurns(101);
}

TEST_F(KeeperTest, AWakeWhileTheThreadIsAtWorkIsNotLost) {
  std::promise<void> entered, go;
  keeper_.Start([&] {
    if (++turns_ == 1) {
      entered.set_value();
      go.get_future().wait();
    }
    return SteadyTime::max();
  });
  entered.get_future().wait();
  keeper_.WakeBy(clock_.Steady());
  go.set_value();
  WaitForTurns(2);
}

TEST_F(KeeperTest, EveryTimeThatIsGivenIsLookedAt) {
  // What the caller did before it woke the keeper, the next turn sees.
  std::atomic<int> given{0}, seen{0};
  keeper_.Start([&] {
    seen = given.load();
    return SteadyTime::max();
  });
  for (int i = 1; i <= 2000; ++i) {
    given = i;
    keeper_.WakeBy(clock_.Steady());
    while (seen < i) std::this_thread::yield();
  }
}

TEST_F(KeeperTest, StopEndsASleepAndMayComeTwice) {
  keeper_.Start([this] {
    ++turns_;
    return SteadyTime::max();
  });
  WaitForTurns(1);
  keeper_.Stop();
  keeper_.Stop();
  const int before = turns_;
  keeper_.WakeBy(clock_.Steady());
  EXPECT_EQ(turns_, before);
}

}  // namespace
}  // namespace strongroom::hsm
