// What the tests of rewrap jobs share: the whole of what is below the door, a
// key, and its registered DEKs.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/base/crash_points.h"
#include "strongroom/registry/jobs.h"
#include "tests/service/rig.h"

namespace strongroom::registry {

// JobsTest has a key, and what was registered under it.
class JobsTest : public ::testing::Test, protected service::Rig {
 protected:
  JobsTest() {
    MakeKey("a/key");
    key_ = keyring_->Current()->FindByName("a/key")->id;
  }
  ~JobsTest() override { SetCrashHookForTest(nullptr); }

  // Registers one batch of so many DEKs.
  void Register(uint32_t deks) {
    const auto made = RegisteredBatch("a/key", deks);
    for (const model::SealedItem& item : made.items) {
      ASSERT_OK(item.status);
      ids_.push_back(*item.id);
      leaves_.push_back(item.leaf);
    }
  }
  // Every DEK opens to its bytes, and no leaf has changed.
  void ExpectAllOpen() {
    for (size_t i = 0; i < ids_.size(); ++i) {
      model::OpenCommand command;
      command.items.push_back({{}, std::nullopt, ids_[i].ToString()});
      auto opened =
          Open(CallAs("root", service::ops::kUnwrap), std::move(command));
      ASSERT_OK(opened);
      EXPECT_EQ(AsText(opened->items[0].secret.Expose()), kDek);
      ASSERT_OK_AND_ASSIGN(auto held, registry_->Find({&ids_[i], 1}));
      Bytes leaf;
      envelope::AppendLeaf(held[0].token.leaf, &leaf);
      EXPECT_EQ(leaf, leaves_[i]);
    }
  }
  // (version, DEKs), where there are any; checked against the rows.
  std::vector<std::pair<uint32_t, uint64_t>> Census() {
    std::map<uint32_t, std::pair<uint64_t, uint64_t>> counted;
    std::vector<std::pair<uint32_t, uint64_t>> census;
    EXPECT_OK(store_.Read([&](store::ReadTransaction& t) -> Status {
      for (uint32_t version = 1; version < 10; ++version) {
        SR_ASSIGN_OR_RETURN(auto batches,
                            t.deks().ListBatches(key_, version, {}, 1000));
        for (const store::BatchRow& batch : batches) {
          ++counted[version].first;
          counted[version].second += batch.deks;
        }
      }
      SR_ASSIGN_OR_RETURN(auto rows, t.dependents().CensusOf(key_));
      for (const store::CensusRow& row : rows) {
        EXPECT_EQ(row.batches, counted[row.version].first);
        EXPECT_EQ(row.deks, counted[row.version].second);
        if (row.deks > 0) census.push_back({row.version, row.deks});
      }
      return OkStatus();
    }));
    return census;
  }
  Uuid Start(const JobOptions& options = {}) {
    auto job = jobs_->Start(key_, options, "cn:root");
    EXPECT_OK(job);
    return job.ok() ? job->row.id : Uuid();
  }
  Job Get(const Uuid& id) {
    auto job = jobs_->Get(key_, id);
    EXPECT_OK(job);
    return job.value_or(Job());
  }
  Job RunToEnd(const Uuid& id) {
    for (int i = 0; i < 200; ++i) {
      clock_.Advance(jobs_->RunDue());
      Job job = Get(id);
      if (job.row.state >= JobState::kDone) return job;
    }
    ADD_FAILURE() << "the job does not end: " << Get(id).row.waits_for;
    return {};
  }
  void EditBatch(const Uuid& batch,
                 const std::function<void(store::BatchRow*)>& edit) {
    EXPECT_OK(store_.Update([&](store::Transaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(auto row, t.deks().GetBatch(batch));
      edit(&*row);
      return t.deks().UpdateBatch(*row);
    }));
  }
  Status Destroy(uint32_t version) {
    return Move(service::ops::kScheduleDestroyVersion, "a/key", version);
  }

  Uuid key_;
  std::vector<DekId> ids_;
  std::vector<Bytes> leaves_;
};

}  // namespace strongroom::registry
