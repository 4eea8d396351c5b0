#include "batching/turns.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>

namespace strongroom::batching {
namespace {

class TurnsTest : public ::testing::Test {
 protected:
  Ticket* Add(const std::string& caller, const Uuid& key, int cost = 1) {
    Ticket& ticket = tickets_.emplace_back();
    ticket.caller = caller;
    ticket.key = key;
    ticket.cost = cost;
    turns_.Push(&ticket);
    return &ticket;
  }

  Turns turns_;
  std::deque<Ticket> tickets_;
  const Uuid key_ = Uuid::Random();
};

TEST_F(TurnsTest, NobodyWaitingGivesNobody) {
  EXPECT_EQ(turns_.Pop(), nullptr);
  Add("a", key_);
  EXPECT_NE(turns_.Pop(), nullptr);
  EXPECT_EQ(turns_.Pop(), nullptr);
  EXPECT_TRUE(turns_.empty());
}

TEST_F(TurnsTest, OneCallersTicketsOfAKeyComeInTheirOrder) {
  Ticket* first = Add("a", key_);
  Ticket* second = Add("a", key_);
  EXPECT_EQ(turns_.Pop(), first);
  EXPECT_EQ(turns_.Pop(), second);
}

TEST_F(TurnsTest, CallersAlternateHoweverManyTicketsTheyHave) {
  for (int i = 0; i < 100; ++i) Add("busy", key_);
  Add("calm", key_);
  Add("calm", key_);
  std::string order;
  for (int i = 0; i < 5; ++i) order += turns_.Pop()->caller[0];
  EXPECT_EQ(order, "bcbcb");
}

TEST_F(TurnsTest, KeysOfACallerAlternate) {
  const Uuid other = Uuid::Random();
  for (int i = 0; i < 100; ++i) Add("a", key_);
  Ticket* rare = Add("a", other);
  turns_.Pop();
  EXPECT_EQ(turns_.Pop(), rare);
}

TEST_F(TurnsTest, ManyKeysGiveNoMoreTurnsThanOne) {
  for (int i = 0; i < 100; ++i) Add("many", Uuid::Random());
  for (int i = 0; i < 100; ++i) Add("one", key_);
  std::map<std::string, int> served;
  for (int i = 0; i < 100; ++i) ++served[turns_.Pop()->caller];
  EXPECT_EQ(served["many"], 50);
  EXPECT_EQ(served["one"], 50);
}

TEST_F(TurnsTest, TurnsArePaidInTokenOperations) {
  for (int i = 0; i < 300; ++i) Add("rewraps", key_, 2);
  for (int i = 0; i < 300; ++i) Add("seals", key_, 1);
  std::map<std::string, int> paid;
  for (int i = 0; i < 300; ++i) {
    Ticket* ticket = turns_.Pop();
    paid[ticket->caller] += ticket->cost;
  }
  EXPECT_NEAR(paid["rewraps"], paid["seals"], 2);
}

TEST_F(TurnsTest, ATicketThatWaitsIsNotQueuedTwice) {
  Ticket* ticket = Add("a", key_);
  turns_.Push(ticket);
  EXPECT_EQ(turns_.Pop(), ticket);
  EXPECT_EQ(turns_.Pop(), nullptr);
}

TEST_F(TurnsTest, ARefundedTurnIsNotLost) {
  for (int i = 0; i < 4; ++i) Add("a", key_);
  for (int i = 0; i < 4; ++i) Add("b", key_);
  turns_.Refund(*turns_.Pop());
  EXPECT_EQ(turns_.Pop()->caller, "a");
  EXPECT_EQ(turns_.Pop()->caller, "b");
}

}  // namespace
}  // namespace strongroom::batching
