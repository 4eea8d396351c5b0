#include "batching/dispatcher.h"

#include <gmock/gmock.h>

#include <deque>

#include "batching/refusals.h"
#include "tests/batching/parts_rig.h"

namespace strongroom::batching {
namespace {

using std::chrono::seconds;
using ::strongroom::testing::HasReason;
using ::testing::SizeIs;

class DispatcherTest : public PartsRig {
 protected:
  // What is queued: a request of so many items under a key of its own.
  std::vector<Entry> NewEntry(size_t items,
                              WorkClass of = WorkClass::kForeground) {
    return EntryOf(Uuid::Random(), items, of);
  }
  std::vector<Entry> EntryOf(const Uuid& key, size_t items,
                             WorkClass of = WorkClass::kForeground) {
    std::vector<Entry> entries(1);
    entries[0].group = {Operation::kSeal, key, {}};
    entries[0].rules = {4, 1};
    entries[0].slice =
        Part(NewWork(items, of), 0, static_cast<uint32_t>(items));
    return entries;
  }
  void EndOldest() {
    Queues::Batch batch = std::move(started_.front());
    started_.pop_front();
    dispatcher_.Release(batch);
    answers_.Finish(std::move(batch.slices));
  }
  static EngineOptions Small() {
    EngineOptions options;
    options.max_queued_items = 8;
    return options;
  }

  Answers answers_{metrics_, *outstanding_, nullptr};
  std::deque<Queues::Batch> started_;
  Dispatcher dispatcher_{
      4, Small(), clock_, metrics_, answers_, [this](Queues::Batch batch) {
        started_.push_back(std::move(batch));
      }};
};

TEST_F(DispatcherTest, AsManyBatchesStartAsThereAreWorkers) {
  for (int i = 0; i < 6; ++i) dispatcher_.Queue(NewEntry(1));
  EXPECT_THAT(started_, SizeIs(4));
  EXPECT_EQ(dispatcher_.queued_items(), 2u);
  EndOldest();
  EXPECT_THAT(started_, SizeIs(3)) << "Release starts nothing";
  dispatcher_.Pump();
  EXPECT_THAT(started_, SizeIs(4));
}

TEST_F(DispatcherTest, BackgroundLeavesAWorkerFree) {
  for (int i = 0; i < 6; ++i) {
    dispatcher_.Queue(NewEntry(1, WorkClass::kBackground));
  }
  EXPECT_THAT(started_, SizeIs(3));
  dispatcher_.Queue(NewEntry(1));
  EXPECT_THAT(started_, SizeIs(4));
  EXPECT_EQ(started_.back().work_class, WorkClass::kForeground);
}

TEST_F(DispatcherTest, ABatchThatWasReleasedMakesRoomForItsKey) {
  const Uuid key = Uuid::Random();
  dispatcher_.Queue(EntryOf(key, 1));
  dispatcher_.Queue(EntryOf(key, 1));
  dispatcher_.Queue(EntryOf(key, 1));
  EXPECT_THAT(started_, SizeIs(1));
  EndOldest();
  dispatcher_.Pump();
  ASSERT_THAT(started_, SizeIs(1));
  EXPECT_EQ(started_.front().items, 2u);
}

TEST_F(DispatcherTest, TooManyItemsAreRefusedWithoutAnyOfThemQueued) {
  for (int i = 0; i < 4; ++i) dispatcher_.Queue(NewEntry(1));
  dispatcher_.Queue(NewEntry(8));
  dispatcher_.Queue(NewEntry(1));
  ASSERT_THAT(answered_, SizeIs(1));
  EXPECT_THAT(answered_[0]->items[0].status, HasReason(Reason::kQueueFull));
  EXPECT_TRUE(RetryAfterOf(answered_[0]->items[0].status).has_value());
  EXPECT_EQ(dispatcher_.queued_items(), 8u);
  dispatcher_.Queue(NewEntry(1, WorkClass::kBackground));
  EXPECT_THAT(answered_, SizeIs(1)) << "each class has room of its own";
}

TEST_F(DispatcherTest, AfterCloseNothingIsQueuedButTheRestStillStarts) {
  for (int i = 0; i < 5; ++i) dispatcher_.Queue(NewEntry(1));
  dispatcher_.Close();
  EXPECT_TRUE(dispatcher_.closed());
  dispatcher_.Queue(NewEntry(1));
  ASSERT_THAT(answered_, SizeIs(1));
  EXPECT_THAT(answered_[0]->items[0].status, HasReason(Reason::kDraining));
  EndOldest();
  dispatcher_.Pump();
  EXPECT_THAT(started_, SizeIs(4));
  EXPECT_EQ(dispatcher_.queued_items(), 0u);
}

TEST_F(DispatcherTest, FailAllAnswersWhatWaitsAndNotWhatHasStarted) {
  for (int i = 0; i < 6; ++i) dispatcher_.Queue(NewEntry(1));
  dispatcher_.FailAll(Draining());
  ASSERT_THAT(answered_, SizeIs(2));
  EXPECT_THAT(answered_[1]->items[0].status, HasReason(Reason::kDraining));
  EXPECT_EQ(dispatcher_.queued_items(), 0u);
  while (!started_.empty()) EndOldest();
  EXPECT_THAT(answered_, SizeIs(6));
  EXPECT_OK(answered_[5]->items[0].status);
}

TEST_F(DispatcherTest, DropExpiredFailsWhatHasWaitedTooLong) {
  for (int i = 0; i < 5; ++i) dispatcher_.Queue(NewEntry(1));
  clock_.Advance(seconds(5));
  dispatcher_.DropExpired();
  ASSERT_THAT(answered_, SizeIs(1));
  EXPECT_THAT(answered_[0]->items[0].status,
              HasReason(Reason::kDeadlineExceeded));
}

TEST_F(DispatcherTest, ADoneMayQueueAndThatStartsInTheOuterPump) {
  bool again = true;
  int depth = 0;
  // A token that answers at once, on the thread that asks.
  std::vector<Uuid> order;
  Dispatcher* instant = nullptr;
  Dispatcher dispatcher(4, Small(), clock_, metrics_, answers_,
                        [&](Queues::Batch batch) {
                          order.push_back(batch.key_id);
                          instant->Release(batch);
                          answers_.Finish(std::move(batch.slices));
                          instant->Pump();
                        });
  instant = &dispatcher;
  on_done_ = [&] {
    EXPECT_EQ(depth++, 0) << "no batch starts inside a `done`";
    if (std::exchange(again, false)) dispatcher.Queue(NewEntry(1));
    --depth;
  };
  dispatcher.Queue(NewEntry(1));
  EXPECT_THAT(order, SizeIs(2));
  EXPECT_THAT(answered_, SizeIs(2));
}

}  // namespace
}  // namespace strongroom::batching
