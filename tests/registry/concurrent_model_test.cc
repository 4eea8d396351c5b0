// The census against simple models, one for each of several callers that
// register, delete, shred and unwrap at the same time, while keys rotate, jobs
// run and the service restarts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <shared_mutex>
#include <thread>

#include "tests/service/rig.h"

namespace strongroom::registry {
namespace {

using ::strongroom::testing::HasReason;

constexpr int kCallers = 4;
constexpr int kStepsOfCaller = 700;

class ConcurrentModelTest : public ::testing::TestWithParam<uint32_t>,
                            protected service::Rig {
 protected:
  // Caller is one thread, and what it believes to exist.
  struct Caller {
    explicit Caller(uint32_t seed) : random(seed) {}
    uint32_t Draw(uint32_t below) {
      return std::uniform_int_distribution<uint32_t>(0, below - 1)(random);
    }
    DekId Any() {
      auto at = alive.begin();
      std::advance(at, Draw(static_cast<uint32_t>(alive.size())));
      return *at;
    }
    std::mt19937 random;
    std::set<DekId> alive;
    std::set<DekId> shredded;
    int conflicts = 0;
  };

  ConcurrentModelTest() : random_(GetParam()) {
    MakeKey("a/key");
    key_ = keyring_->Current()->FindByName("a/key")->id;
    for (uint32_t i = 0; i < kCallers; ++i) {
      callers_.emplace_back(GetParam() * 1000 + i);
    }
  }

  void Register(Caller& caller) {
    model::SealCommand command =
        SealOf("a/key",
               std::vector<std::string>(1 + caller.Draw(4), std::string(kDek)));
    command.registers = true;
    auto result =
        Seal(CallAs("root", service::ops::kBatchWrap), std::move(command));
    // A job may have emptied the version in between; nothing was registered.
    if (!result.ok() && ReasonOf(result.status()) == Reason::kConflict) {
      ++caller.conflicts;
      return;
    }
    ASSERT_OK(result);
    for (const model::SealedItem& item : result->items) {
      ASSERT_OK(item.status);
      ASSERT_TRUE(caller.alive.insert(*item.id).second);
    }
  }
  void Remove(
      Caller& caller,
      const service::Operation<model::OfDek, model::Nothing>& operation) {
    const DekId id = caller.Any();
    ASSERT_OK(OfDek(CallAs("root", operation), "a/key", id.ToString()));
    caller.alive.erase(id);
    if (&operation == &service::ops::kShredDek) caller.shredded.insert(id);
  }
  // Whatever moves meanwhile.
  void Unwrap(const DekId& id) {
    model::OpenCommand command;
    command.items.push_back({{}, std::nullopt, id.ToString()});
    auto opened =
        Open(CallAs("root", service::ops::kUnwrap), std::move(command));
    ASSERT_OK(opened);
    EXPECT_EQ(AsText(opened->items[0].secret.Expose()), kDek);
  }
  void Step(Caller& caller) {
    const std::shared_lock<std::shared_mutex> inside(world_);
    const uint32_t what = caller.Draw(100);
    if (what < 40 || caller.alive.empty()) return Register(caller);
    if (what < 65) return Remove(caller, service::ops::kDeleteDek);
    if (what < 80) return Remove(caller, service::ops::kShredDek);
    Unwrap(caller.Any());
  }

  void RunJob() {
    auto job = jobs_->Start(key_, {}, "cn:root");
    if (!job.ok()) {
      EXPECT_THAT(job, HasReason(Reason::kJobState));
    }
    jobs_->RunDue();
    clock_.Advance(std::chrono::milliseconds(10));
  }
  void Restart() {
    const std::unique_lock<std::shared_mutex> alone(world_);
    Rig::Restart();
  }
  // Everybody waits, and everything is counted.
  void ExpectModel() {
    const std::unique_lock<std::shared_mutex> alone(world_);
    std::set<DekId> alive;
    for (const Caller& caller : callers_) {
      alive.insert(caller.alive.begin(), caller.alive.end());
    }
    auto census = registry_->Census(key_);
    ASSERT_OK(census);
    std::set<DekId> listed;
    for (const store::CensusRow& row : *census) {
      auto page = registry_->List(key_, {.version = row.version}, {}, 100'000);
      ASSERT_OK(page);
      std::set<Uuid> batches;
      for (const DekInfo& dek : page->deks) {
        listed.insert(dek.id);
        batches.insert(dek.id.batch_id);
      }
      ASSERT_EQ(row.deks, page->deks.size()) << "v" << row.version;
      ASSERT_EQ(row.batches, batches.size()) << "v" << row.version;
    }
    ASSERT_EQ(listed, alive);
  }

  void Administer() {
    const uint32_t what =
        std::uniform_int_distribution<uint32_t>(0, 99)(random_);
    if (what < 25) {
      Rotate("a/key");
    } else if (what < 70) {
      RunJob();
    } else if (what < 80) {
      Restart();
    } else {
      ASSERT_NO_FATAL_FAILURE(ExpectModel());
    }
  }

  std::mt19937 random_;
  Uuid key_;
  std::shared_mutex world_;
  std::vector<Caller> callers_;
};

INSTANTIATE_TEST_SUITE_P(Seeds, ConcurrentModelTest,
                         ::testing::Values(1, 2, 3));

TEST_P(ConcurrentModelTest, TheCensusIsExactWheneverItIsLookedAt) {
  std::cout << "seed " << GetParam() << std::endl;
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  std::atomic<int> busy = kCallers;
  std::vector<std::thread> threads;
  for (Caller& caller : callers_) {
    threads.emplace_back([&] {
      for (int i = 0; i < kStepsOfCaller && !HasFatalFailure(); ++i) {
        Step(caller);
      }
      --busy;
    });
  }
  // Whatever fails: the threads are waited for.
  while (busy > 0 && !HasFatalFailure()) Administer();
  for (std::thread& thread : threads) thread.join();
  ASSERT_FALSE(HasFailure());

  ASSERT_NO_FATAL_FAILURE(ExpectModel());
  Rotate("a/key");
  const uint32_t primary = keyring_->Current()->FindById(key_)->primary;
  for (int i = 0; i < 200; ++i) RunJob();
  ASSERT_OK_AND_ASSIGN(const auto census, registry_->Census(key_));
  for (const store::CensusRow& row : census) {
    EXPECT_EQ(row.deks > 0, row.version == primary) << "v" << row.version;
  }
  ASSERT_NO_FATAL_FAILURE(ExpectModel());
  for (const Caller& caller : callers_) {
    for (const DekId& id : caller.alive) Unwrap(id);
    for (const DekId& id : caller.shredded) {
      EXPECT_THAT(registry_->CheckNotShredded(id),
                  HasReason(Reason::kDekShredded));
    }
  }
}

}  // namespace
}  // namespace strongroom::registry
