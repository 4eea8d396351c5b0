#include "hsm/pkcs11/call_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace strongroom::hsm {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NamedCall final : public TokenCall {
 public:
  NamedCall(int name, SteadyTime deadline, bool urgent)
      : TokenCall(deadline, urgent), name_(name) {}
  void Run(WorkerSession&) override {}
  void Answer() override {}
  void Refuse(Status) override {}
  int name() const { return name_; }

 private:
  const int name_;
};

class LastGauge final : public Gauge {
 public:
  void Set(double value) override { value_ = value; }
  double value() const { return value_; }

 private:
  double value_ = -1;
};

class CallQueueTest : public ::testing::Test {
 protected:
  void Push(int name, seconds deadline = seconds(60), bool urgent = false) {
    queue_.Push(
        std::make_shared<NamedCall>(name, SteadyTime{} + deadline, urgent));
  }
  static std::vector<int> Names(const CallQueue::Calls& calls) {
    std::vector<int> names;
    for (const auto& call : calls) {
      names.push_back(static_cast<const NamedCall&>(*call).name());
    }
    return names;
  }
  std::vector<int> PopAll() {
    CallQueue::Calls calls;
    while (queue_.size() > 0) calls.push_back(queue_.Pop());
    return Names(calls);
  }

  LastGauge depth_;
  CallQueue queue_{/*limit=*/2, depth_};
};

TEST_F(CallQueueTest, UrgentCallsComeFirstAndTheOldestOfEachKind) {
  Push(1);
  Push(2, seconds(60), /*urgent=*/true);
  Push(3);
  Push(4, seconds(60), /*urgent=*/true);
  EXPECT_THAT(PopAll(), ElementsAre(2, 4, 1, 3));
  EXPECT_EQ(depth_.value(), 0);
}

TEST_F(CallQueueTest, UrgentCallsNeitherFillNorNeedItsRoom) {
  const NamedCall call(9, SteadyTime{}, /*urgent=*/false);
  const NamedCall urgent(9, SteadyTime{}, /*urgent=*/true);
  for (int i = 0; i < 5; ++i) Push(i, seconds(60), /*urgent=*/true);
  EXPECT_TRUE(queue_.HasRoomFor(call));
  Push(5);
  Push(6);
  EXPECT_FALSE(queue_.HasRoomFor(call));
  EXPECT_TRUE(queue_.HasRoomFor(urgent));
  EXPECT_EQ(depth_.value(), 7);
}

TEST_F(CallQueueTest, OnlyCallsWhoseDeadlineHasComeAreLate) {
  EXPECT_EQ(queue_.NextDeadline(), SteadyTime::max());
  Push(1, seconds(5));
  Push(2, seconds(6));
  Push(3, seconds(4), /*urgent=*/true);
  EXPECT_EQ(queue_.NextDeadline(), SteadyTime{} + seconds(4));
  EXPECT_THAT(queue_.TakeLate(SteadyTime{} + seconds(3)), IsEmpty());
  EXPECT_THAT(Names(queue_.TakeLate(SteadyTime{} + seconds(5))),
              ElementsAre(3, 1));
  EXPECT_EQ(depth_.value(), 1);
  EXPECT_EQ(queue_.NextDeadline(), SteadyTime{} + seconds(6));
  EXPECT_THAT(PopAll(), ElementsAre(2));
}

TEST_F(CallQueueTest, TakeAllEmptiesIt) {
  Push(1);
  Push(2, seconds(60), /*urgent=*/true);
  EXPECT_THAT(Names(queue_.TakeAll()), ElementsAre(2, 1));
  EXPECT_EQ(queue_.size(), 0u);
  EXPECT_EQ(depth_.value(), 0);
  EXPECT_THAT(queue_.TakeAll(), IsEmpty());
}

}  // namespace
}  // namespace strongroom::hsm
