#include "strongroom/base/gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace strongroom {
namespace {

SteadyTime Past() { return SteadyTime::clock::now() - std::chrono::hours(1); }
SteadyTime Later() { return SteadyTime::clock::now() + std::chrono::hours(1); }

TEST(GateTest, AnOpenGateLetsInAndCounts) {
  Gate gate;
  EXPECT_EQ(gate.inside(), 0u);
  auto first = gate.Enter();
  auto second = gate.Enter();
  ASSERT_TRUE(first.has_value());
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(gate.inside(), 2u);
  first.reset();
  EXPECT_EQ(gate.inside(), 1u);
  second.reset();
  EXPECT_EQ(gate.inside(), 0u);
}

TEST(GateTest, AClosedGateLetsNobodyIn) {
  Gate gate;
  gate.Close();
  EXPECT_FALSE(gate.Enter().has_value());
  gate.Close();
  EXPECT_FALSE(gate.Enter().has_value());
  EXPECT_EQ(gate.inside(), 0u);
}

TEST(GateTest, ClosingLeavesThoseInsideAlone) {
  Gate gate;
  auto pass = gate.Enter();
  gate.Close();
  EXPECT_EQ(gate.inside(), 1u);
  EXPECT_FALSE(gate.WaitUntilEmpty(Past()));
}

TEST(GateTest, AMovedPassLeavesOnce) {
  Gate gate;
  auto pass = gate.Enter();
  {
    Gate::Pass moved = *std::move(pass);
    pass.reset();
    EXPECT_EQ(gate.inside(), 1u);
  }
  EXPECT_EQ(gate.inside(), 0u);
}

TEST(GateTest, AnEmptyGateNeedsNoWaiting) {
  Gate gate;
  EXPECT_TRUE(gate.WaitUntilEmpty(Past()));
}

TEST(GateTest, WaitingEndsWhenTheLastOneLeaves) {
  Gate gate;
  auto pass = gate.Enter();
  gate.Close();
  std::thread leaver([&] { pass.reset(); });
  EXPECT_TRUE(gate.WaitUntilEmpty(Later()));
  leaver.join();
}

TEST(GateTest, AfterClosingAndWaitingNoWorkIsLeft) {
  Gate gate;
  std::atomic<int> working{0};
  std::atomic<int> started{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (auto pass = gate.Enter()) {
        working.fetch_add(1);
        started.fetch_add(1);
        working.fetch_sub(1);
      }
    });
  }
  while (started.load() < 100) std::this_thread::yield();
  gate.Close();
  EXPECT_TRUE(gate.WaitUntilEmpty(Later()));
  EXPECT_EQ(working.load(), 0);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace strongroom
