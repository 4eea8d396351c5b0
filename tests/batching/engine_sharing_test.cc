// Who waits for whom: callers, keys and classes of work, in token operations
// and not in seconds.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/batching/engine_rig.h"

namespace strongroom::batching {
namespace {

using ::strongroom::testing::HasReason;

EngineOptions WithShare(int percent) {
  EngineOptions options;
  options.background_share = percent;
  return options;
}

// A device on which every call takes one step.
struct Stepped : EngineRig {
  explicit Stepped(int workers, const EngineOptions& options = {})
      : EngineRig(Manual(workers), options) {}

  // Step ends the calls that are on the token now.
  void Step() {
    ++now;
    for (size_t left = device.pending(); left > 0; --left) device.RunOne();
  }
  void Steps(int count) {
    for (int i = 0; i < count; ++i) Step();
  }

  // Old headers, each of a batch of its own, under a version that is not the
  // primary any more.
  std::vector<envelope::Header> OldHeaders(size_t count) {
    const Uuid key = keks.AddKey();
    std::vector<envelope::Header> headers;
    for (size_t i = 0; i < count; ++i) {
      headers.push_back(SealNow(key).front().header);
    }
    keks.Rotate(key);
    return headers;
  }
  AnswerPtr<RewrapRequest> Job(const std::vector<envelope::Header>& headers,
                               std::string_view name = "job/1", int share = 0) {
    auto request = std::make_unique<RewrapRequest>();
    request->caller = name;
    request->work_class = WorkClass::kBackground;
    request->share = share;
    request->deadline = clock.Steady() + std::chrono::seconds(60);
    for (const auto& header : headers) {
      request->items.emplace_back().header = header;
    }
    auto answer = Expect(request.get());
    engine->Rewrap(std::move(request));
    return answer;
  }
  // Only jobs open here, and each rewrap opens once.
  uint64_t rewraps() const { return opens(); }

  int now = 0;
};

// Caller keeps so many requests under way and notes how many steps each took.
class Caller {
 public:
  Caller(Stepped& rig, std::string name, Uuid key, size_t in_flight)
      : rig_(rig), name_(std::move(name)), key_(key), in_flight_(in_flight) {}

  void Top() {
    std::erase_if(sent_, [&](const auto& one) {
      if (!one.answer->done()) return false;
      EXPECT_OK(one.answer->status());
      took_.push_back(rig_.now - one.at);
      return true;
    });
    while (sent_.size() < in_flight_) {
      sent_.push_back({rig_.now, rig_.Seal(key_, 1, name_)});
    }
  }
  size_t answered() const { return took_.size(); }
  int P99() {
    EXPECT_GE(took_.size(), 100u);
    std::sort(took_.begin(), took_.end());
    return took_[took_.size() * 99 / 100];
  }

 private:
  struct Sent {
    int at;
    AnswerPtr<SealRequest> answer;
  };
  Stepped& rig_;
  const std::string name_;
  const Uuid key_;
  const size_t in_flight_;
  std::vector<Sent> sent_;
  std::vector<int> took_;
};

// The p99 of a caller that has one request under way, after `steps`.
int P99Beside(int workers, const model::BatchPolicy& policy, int steps,
              const std::function<void(Stepped&, const Uuid& key)>& others) {
  Stepped rig(workers);
  const Uuid key = rig.keks.AddKey(policy);
  Caller calm(rig, "calm", key, 1);
  for (int i = 0; i < steps; ++i) {
    others(rig, key);
    calm.Top();
    rig.Step();
  }
  return calm.P99();
}

TEST(EngineSharingTest, AHundredfoldCallerAtMostDoublesTheWaitOfAnother) {
  const auto nobody = [](Stepped&, const Uuid&) {};
  for (uint32_t max_items : {1u, 1024u}) {
    for (bool same_key : {false, true}) {
      SCOPED_TRACE(std::to_string(max_items) + (same_key ? " same" : " other"));
      const model::BatchPolicy policy{.max_items = max_items};
      const int alone = P99Beside(8, policy, 300, nobody);
      std::unique_ptr<Caller> greedy;
      const int beside =
          P99Beside(8, policy, 300, [&](Stepped& rig, const Uuid& key) {
            if (greedy == nullptr) {
              greedy = std::make_unique<Caller>(
                  rig, "greedy", same_key ? key : rig.keks.AddKey(policy), 100);
            }
            greedy->Top();
          });
      EXPECT_GT(greedy->answered(), 1500u) << "it is to be busy";
      EXPECT_LE(beside, 2 * alone);
    }
  }
}

TEST(EngineSharingTest, ABatchOfThousandsDelaysAnotherCallerByItsTurnsOnly) {
  const int beside =
      P99Beside(8, {.max_items = 1}, 300, [](Stepped& rig, const Uuid& key) {
        if (rig.now % 100 == 0) rig.Seal(rig.NewSeal(key, 4096, "greedy"));
      });
  EXPECT_LE(beside, 2);
}

TEST(EngineSharingTest, OnASingleSessionAnotherCallerCostsItsOneTurn) {
  // What is on the token, and one turn of the other: then it is ours.
  std::unique_ptr<Caller> greedy;
  const int beside =
      P99Beside(1, {.max_items = 1}, 500, [&](Stepped& rig, const Uuid& key) {
        if (greedy == nullptr) {
          greedy = std::make_unique<Caller>(rig, "greedy", key, 100);
        }
        greedy->Top();
      });
  EXPECT_LE(beside, 3);
}

TEST(EngineSharingTest, AKeyWithSlowTrafficIsNotStarvedByItsCallersBusyOne) {
  Stepped rig(1);
  Caller busy(rig, "app", rig.keks.AddKey({.max_items = 1}), 200);
  Caller slow(rig, "app", rig.keks.AddKey({.max_items = 1}), 1);
  for (int i = 0; i < 500; ++i) {
    busy.Top();
    slow.Top();
    rig.Step();
  }
  EXPECT_LE(slow.P99(), 3);
}

TEST(EngineSharingTest, ARequestBeyondTheQueueHurtsNobodyWhoIsInIt) {
  EngineOptions options;
  options.max_queued_items = 4096;
  Stepped rig(1, options);
  const Uuid key = rig.keks.AddKey({.max_items = 1});
  auto calm = rig.Seal(key, 3, "calm");
  auto greedy = rig.Seal(key, 4000, "greedy");
  auto refused = rig.Seal(key, 4096, "greedy");
  ASSERT_TRUE(refused->done());
  EXPECT_THAT(refused->status(), HasReason(Reason::kQueueFull));
  EXPECT_EQ(RetryAfterOf(refused->status()), options.retry_after);
  rig.Steps(7);
  EXPECT_TRUE(calm->done());
}

// ---- Background ----

TEST(EngineSharingTest, BackgroundTakesIdleSessionsAndLeavesAQuarter) {
  for (const auto& [workers, want] :
       {std::pair(1, 1u), {2, 1u}, {4, 3u}, {8, 6u}, {32, 24u}}) {
    Stepped rig(workers);
    auto job = rig.Job(rig.OldHeaders(64));
    EXPECT_EQ(rig.device.pending(), want) << workers;
    rig.device.RunAll();
    ASSERT_TRUE(job->done());
    for (const auto& item : job->items()) EXPECT_OK(item.status);
  }
}

TEST(EngineSharingTest, ForegroundFindsASessionFreeBesideAJob) {
  Stepped rig(8);
  auto job = rig.Job(rig.OldHeaders(64));
  rig.Seal(rig.keks.AddKey());
  rig.Seal(rig.keks.AddKey());
  EXPECT_EQ(rig.device.pending(), 8u);
  // And those that come are before the job's rest.
  auto third = rig.Seal(rig.keks.AddKey());
  rig.Steps(2);
  EXPECT_TRUE(third->done());
  EXPECT_FALSE(job->done());
  rig.device.RunAll();
}

// How many of 400 token operations a job gets beside a foreground that would
// take all of them.
uint64_t OperationsBesideABusyForeground(int engine_share, int job_share) {
  Stepped rig(1, WithShare(engine_share));
  const auto headers = rig.OldHeaders(256);
  rig.Seal(rig.keks.AddKey({.max_items = 1}), 4000);
  rig.Job(headers, "job/1", job_share);
  rig.Steps(400);
  const uint64_t operations = 2 * rig.rewraps();
  rig.device.RunAll();
  return operations;
}

TEST(EngineSharingTest, ASaturatedForegroundLeavesAJobItsShareAndNoMore) {
  for (int percent : {1, 10, 25, 50}) {
    const auto want = static_cast<double>(percent * 4);
    EXPECT_NEAR(OperationsBesideABusyForeground(percent, 0), want, 2)
        << percent;
    EXPECT_NEAR(OperationsBesideABusyForeground(10, percent), want, 2)
        << percent;
  }
}

TEST(EngineSharingTest, JobsThatWaitTogetherShareTheShare) {
  Stepped rig(1, WithShare(20));
  const auto first = rig.OldHeaders(20);
  const auto second = rig.OldHeaders(20);
  rig.Seal(rig.keks.AddKey({.max_items = 1}), 4000);
  auto one = rig.Job(first, "job/1");
  auto two = rig.Job(second, "job/2");
  rig.Steps(300);
  EXPECT_NEAR(static_cast<double>(rig.rewraps()), 30, 1);
  EXPECT_FALSE(one->done());
  EXPECT_FALSE(two->done());
  rig.Steps(110);
  EXPECT_TRUE(one->done());
  EXPECT_TRUE(two->done());
  rig.device.RunAll();
}

TEST(EngineSharingTest, TheForegroundAloneGetsEveryTokenOperation) {
  Stepped rig(1, WithShare(50));
  auto answer = rig.Seal(rig.keks.AddKey({.max_items = 1}), 1000);
  rig.Steps(1000);
  EXPECT_TRUE(answer->done());
}

TEST(EngineSharingTest, AJobThatHadNothingToDoHasNothingSaved) {
  Stepped rig(1, WithShare(50));
  const auto headers = rig.OldHeaders(100);
  rig.Seal(rig.keks.AddKey({.max_items = 1}), 4000);
  rig.Steps(1000);
  rig.Job(headers);
  rig.Steps(100);
  EXPECT_LE(2 * rig.rewraps(), 52u);
  rig.device.RunAll();
}

TEST(EngineSharingTest, TheWaitBesideAJobIsBoundedInTokenOperations) {
  // A session's place in the ring of two busy callers, without and with a job
  // of the default share.
  int p99[2];
  for (const bool with_job : {false, true}) {
    Stepped rig(1);
    const auto headers = rig.OldHeaders(256);
    Caller busy(rig, "busy", rig.keks.AddKey({.max_items = 1}), 50);
    Caller calm(rig, "calm", rig.keks.AddKey({.max_items = 1}), 1);
    if (with_job) rig.Job(headers);
    for (int i = 0; i < 1000; ++i) {
      busy.Top();
      calm.Top();
      rig.Step();
    }
    p99[with_job ? 1 : 0] = calm.P99();
    rig.device.RunAll();
  }
  // One rewrap: two token operations.
  EXPECT_LE(p99[1], p99[0] + 2);
}

TEST(EngineSharingTest, BesideAJobOnManySessionsTheP99OfTheForegroundStays) {
  for (const bool with_job : {false, true}) {
    Stepped rig(8);
    const auto headers = rig.OldHeaders(2000);
    Caller calm(rig, "calm", rig.keks.AddKey(), 1);
    if (with_job) rig.Job(headers);
    for (int i = 0; i < 300; ++i) {
      calm.Top();
      rig.Step();
    }
    EXPECT_EQ(calm.P99(), 1);
    // On 6 sessions, two steps each.
    EXPECT_GE(rig.rewraps(), with_job ? 850u : 0u);
    rig.device.RunAll();
  }
}

TEST(EngineSharingTest, AForegroundThatFillsTheQueueKeepsNoJobOut) {
  EngineOptions options;
  options.max_queued_items = 4096;
  Stepped rig(1, options);
  const auto headers = rig.OldHeaders(4);
  const Uuid key = rig.keks.AddKey({.max_items = 1});
  rig.Seal(key, 1);
  rig.Seal(key, 4096);
  auto job = rig.Job(headers);
  auto refused = rig.Seal(key, 1);
  EXPECT_THAT(refused->status(), HasReason(Reason::kQueueFull));
  EXPECT_FALSE(job->done());
  rig.Steps(100);
  ASSERT_TRUE(job->done());
  for (const auto& item : job->items()) EXPECT_OK(item.status);
  rig.device.RunAll();
}

TEST(EngineSharingTest, BackgroundBeyondItsOwnQueueIsRefused) {
  EngineOptions options;
  options.max_queued_items = 4;
  Stepped rig(1, options);
  auto job = rig.Job(rig.OldHeaders(5));
  EXPECT_THAT(job->status(), HasReason(Reason::kQueueFull));
  EXPECT_EQ(rig.engine->Stats().queued_items, 0u);
}

TEST(EngineSharingTest, BackgroundSealsAndOpensTakeTheSamePlace) {
  Stepped rig(1);
  const Uuid key = rig.keks.AddKey();
  const auto tokens = rig.SealNow(key, 2);
  rig.Seal(rig.keks.AddKey({.max_items = 1}), 100, "front");
  auto seal = rig.NewSeal(key, 1, "back");
  seal->work_class = WorkClass::kBackground;
  auto sealed = rig.Seal(std::move(seal));
  auto open = rig.NewOpen(tokens, "back");
  open->work_class = WorkClass::kBackground;
  auto opened = rig.Open(std::move(open));
  rig.Steps(9);
  EXPECT_FALSE(sealed->done());
  EXPECT_FALSE(opened->done());
  rig.Steps(13);
  EXPECT_TRUE(sealed->done());
  EXPECT_TRUE(opened->done());
  rig.device.RunAll();
}

TEST(EngineSharingTest, AForegroundItemTakesBackgroundOnesOfItsBatchAlong) {
  Stepped rig(1);
  const Uuid key = rig.keks.AddKey();
  rig.Seal(key, 1, "first");  // on the token
  rig.Seal(rig.keks.AddKey({.max_items = 1}), 100, "busy");
  auto back = rig.NewSeal(key, 1, "back");
  back->work_class = WorkClass::kBackground;
  auto background = rig.Seal(std::move(back));
  auto foreground = rig.Seal(key, 1, "front");
  rig.Steps(4);
  ASSERT_TRUE(foreground->done());
  ASSERT_TRUE(background->done()) << "the token operation is paid already";
  EXPECT_EQ(background->items()[0].header, foreground->items()[0].header);
  rig.device.RunAll();
}

TEST(EngineSharingTest, WhatExpiresInTheBackgroundIsDroppedBeforeTheToken) {
  Stepped rig(1);
  const auto headers = rig.OldHeaders(3);
  rig.Seal(rig.keks.AddKey({.max_items = 1}), 1);
  auto job = rig.Job(headers);
  rig.clock.Advance(std::chrono::seconds(61));
  rig.Step();
  ASSERT_TRUE(job->done());
  EXPECT_THAT(job->status(), HasReason(Reason::kDeadlineExceeded));
  EXPECT_EQ(rig.rewraps(), 0u);
}

}  // namespace
}  // namespace strongroom::batching
