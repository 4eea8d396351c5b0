// The census against a simple model, over thousands of random steps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "tests/service/rig.h"

namespace strongroom::registry {
namespace {

using ::strongroom::testing::HasReason;

constexpr int kSteps = 2000;

class CensusModelTest : public ::testing::TestWithParam<uint32_t>,
                        protected service::Rig {
 protected:
  CensusModelTest() : random_(GetParam()) {
    MakeKey("a/key");
    key_ = keyring_->Current()->FindByName("a/key")->id;
  }

  uint32_t Draw(uint32_t below) {
    return std::uniform_int_distribution<uint32_t>(0, below - 1)(random_);
  }
  // Any DEK that is alive in the model.
  DekId Any() {
    auto at = alive_.begin();
    std::advance(at, Draw(static_cast<uint32_t>(alive_.size())));
    return at->first;
  }

  void Register() {
    const auto made = RegisteredBatch("a/key", 1 + Draw(4));
    for (const model::SealedItem& item : made.items) {
      ASSERT_OK(item.status);
      alive_[*item.id] = primary_;
    }
  }
  void Remove(
      const service::Operation<model::OfDek, model::Nothing>& operation) {
    if (alive_.empty()) return;
    const DekId id = Any();
    ASSERT_OK(OfDek(CallAs("root", operation), "a/key", id.ToString()));
    alive_.erase(id);
    if (&operation == &service::ops::kShredDek) shredded_.insert(id);
  }
  void Rotate() {
    Rig::Rotate("a/key");
    ++primary_;
  }
  void Rewrap() {
    auto job = jobs_->Start(key_, {}, "cn:root");
    ASSERT_OK(job);
    for (int i = 0; i < 100; ++i) {
      clock_.Advance(jobs_->RunDue());
      auto now = jobs_->Get(key_, job->row.id);
      ASSERT_OK(now);
      if (now->row.state != JobState::kDone) continue;
      for (auto& [id, version] : alive_) version = primary_;
      return;
    }
    FAIL() << "the job does not end";
  }

  void ExpectModel() {
    std::map<uint32_t, uint64_t> deks;
    std::map<uint32_t, std::set<Uuid>> batches;
    for (const auto& [id, version] : alive_) {
      ++deks[version];
      batches[version].insert(id.batch_id);
    }
    auto census = registry_->Census(key_);
    ASSERT_OK(census);
    for (const store::CensusRow& row : *census) {
      ASSERT_EQ(row.deks, deks[row.version]) << "v" << row.version;
      ASSERT_EQ(row.batches, batches[row.version].size()) << "v" << row.version;
      deks.erase(row.version);
    }
    for (const auto& [version, count] : deks) ASSERT_EQ(count, 0u) << version;
  }
  void ExpectOneOpens() {
    if (alive_.empty()) return;
    model::OpenCommand command;
    command.items.push_back({{}, std::nullopt, Any().ToString()});
    auto opened =
        Open(CallAs("root", service::ops::kUnwrap), std::move(command));
    ASSERT_OK(opened);
    EXPECT_EQ(AsText(opened->items[0].secret.Expose()), kDek);
  }

  std::mt19937 random_;
  Uuid key_;
  uint32_t primary_ = 1;
  std::map<DekId, uint32_t> alive_;  // -> version
  std::set<DekId> shredded_;
};

INSTANTIATE_TEST_SUITE_P(Seeds, CensusModelTest, ::testing::Values(1, 2, 3));

TEST_P(CensusModelTest, ItIsExactAfterEveryStep) {
  for (int step = 0; step < kSteps; ++step) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", step " +
                 std::to_string(step));
    const uint32_t what = Draw(100);
    if (what < 40) {
      Register();
    } else if (what < 65) {
      Remove(service::ops::kDeleteDek);
    } else if (what < 90) {
      Remove(service::ops::kShredDek);
    } else if (what < 93) {
      Rotate();
    } else if (what < 96) {
      Rewrap();
    } else {
      Restart();
    }
    ASSERT_NO_FATAL_FAILURE(ExpectModel());
    ASSERT_NO_FATAL_FAILURE(ExpectOneOpens());
    if (HasFailure()) return;
  }
  EXPECT_FALSE(shredded_.empty());
  for (const DekId& id : shredded_) {
    EXPECT_THAT(registry_->CheckNotShredded(id),
                HasReason(Reason::kDekShredded));
  }
}

}  // namespace
}  // namespace strongroom::registry
