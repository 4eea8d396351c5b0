// The report of a rewrap job: it says what happened, it is signed, and no leaf
// can change without its showing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "registry/report_rows.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/registry/jobs.h"
#include "strongroom/signing/dsse.h"
#include "strongroom/signing/sha256.h"
#include "tests/service/rig.h"

namespace strongroom::registry {
namespace {

using ::strongroom::testing::FakeOperation;
using ::strongroom::testing::HasReason;
using Json = nlohmann::json;

struct LeafRow {
  uint32_t index = 0;
  Bytes leaf;
  friend bool operator==(const LeafRow&, const LeafRow&) = default;
};

std::function<void()>* g_when_sealed = nullptr;
void WhenSealed(const char* step) {
  if (std::string_view(step) == "rewrap/sealed") (*g_when_sealed)();
}

class ReportTest : public ::testing::Test, protected service::Rig {
 protected:
  ReportTest() {
    MakeKey("a/key");
    key_ = keyring_->Current()->FindByName("a/key")->id;
  }
  ~ReportTest() override { SetCrashHookForTest(nullptr); }

  Uuid Register(uint32_t deks) {
    return RegisteredBatch("a/key", deks).items.at(0).id->batch_id;
  }
  Uuid Start() {
    auto job = jobs_->Start(key_, {}, "cn:root");
    EXPECT_OK(job);
    return job->row.id;
  }
  Job RunToEnd(const Uuid& id) {
    for (int i = 0; i < 100; ++i) {
      clock_.Advance(jobs_->RunDue());
      auto job = jobs_->Get(key_, id);
      EXPECT_OK(job);
      if (job->row.state >= JobState::kDone) return *job;
    }
    ADD_FAILURE() << "the job does not end";
    return {};
  }
  Json ReportOf(const Uuid& id) {
    auto document = jobs_->Report(key_, id);
    EXPECT_OK(document);
    auto spki = keyring_->signing().PublicKey();
    EXPECT_OK(spki);
    auto payload = signing::OpenEnvelope(*document, kReportType, *spki);
    EXPECT_OK(payload);
    return Json::parse(AsText(*payload));
  }
  std::vector<LeafRow> Leaves(const Uuid& batch) {
    std::vector<LeafRow> leaves;
    EXPECT_OK(store_.Read([&](store::ReadTransaction& t) {
      return t.deks().VisitLeaves(
          {&batch, 1}, [&](const store::DekId& id, ByteView leaf) {
            leaves.push_back({id.index, Bytes(leaf.begin(), leaf.end())});
          });
    }));
    return leaves;
  }
  // What the batch's row says of its leaves.
  Bytes Noted(const Uuid& batch) {
    Bytes noted;
    EXPECT_OK(store_.Read([&](store::ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(const auto row, t.deks().GetBatch(batch));
      noted = row->leaves;
      return OkStatus();
    }));
    return noted;
  }
  void Forget(const Uuid& batch) {
    EXPECT_OK(store_.Update([&](store::Transaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(auto row, t.deks().GetBatch(batch));
      row->leaves.clear();
      return t.deks().UpdateBatch(*row);
    }));
  }
  // As docs/operations.md has it, from leaves that were kept.
  static std::string Chain(
      const std::map<Uuid, std::vector<LeafRow>>& batches) {
    Bytes chain(32);
    for (const auto& [id, leaves] : batches) {
      Bytes all;
      for (const LeafRow& leaf : leaves) {
        AppendU32(&all, leaf.index);
        AppendU32(&all, static_cast<uint32_t>(leaf.leaf.size()));
        Append(&all, leaf.leaf);
      }
      const Bytes batch = signing::Sha256().Add(all).Finish();
      chain = signing::Sha256().Add(chain).Add(id.bytes()).Add(batch).Finish();
    }
    return ToHex(chain);
  }
  void FlipLeaf(const store::DekId& id, size_t byte) {
    EXPECT_OK(store_.Update([&](store::Transaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(auto dek, t.deks().GetDek(id));
      dek->leaf[byte] ^= 1;
      SR_RETURN_IF_ERROR(t.deks().DeleteDek(id));
      return t.deks().InsertDek(*dek);
    }));
  }

  Uuid key_;
};

TEST_F(ReportTest, ItSaysWhatWasMovedAndThatNoLeafChanged) {
  std::map<Uuid, std::vector<LeafRow>> before;
  for (uint32_t deks : {1u, 3u, 20u, 1u}) {
    const Uuid batch = Register(deks);
    before[batch] = Leaves(batch);
  }
  Rotate("a/key");
  const Uuid id = Start();
  RunToEnd(id);
  const Json report = ReportOf(id);
  EXPECT_EQ(report.at("job_id"), id.ToString());
  EXPECT_EQ(report.at("key"), "a/key");
  EXPECT_EQ(report.at("key_id"), key_.ToString());
  EXPECT_EQ(report.at("installation_id"), store_.installation_id().ToString());
  EXPECT_EQ(report.at("state"), "DONE");
  EXPECT_EQ(report.at("from_versions"), Json({1}));
  EXPECT_EQ(report.at("to_versions"), Json({2}));
  EXPECT_EQ(report.at("batches_moved"), 4);
  EXPECT_EQ(report.at("deks_moved"), 25);
  EXPECT_EQ(report.at("batches_failed"), 0);
  EXPECT_EQ(report.at("bulk_bytes_touched"), 0);
  EXPECT_EQ(report.at("started_by"), "cn:root");
  // From the leaves as they were registered, by other code.
  EXPECT_EQ(report.at("leaf_digest").at("before"), Chain(before));
  EXPECT_EQ(report.at("leaf_digest").at("after"), Chain(before));
  for (const auto& [batch, leaves] : before) EXPECT_EQ(Leaves(batch), leaves);
}

TEST_F(ReportTest, EveryByteOfEveryLeafIsInTheDigest) {
  const Uuid batch = Register(2);
  const auto digest = [&] {
    Bytes now;
    EXPECT_OK(store_.Read([&](store::ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(now, DigestLeaves(t, batch));
      return OkStatus();
    }));
    return now;
  };
  const Bytes whole = digest();
  for (const LeafRow& leaf : Leaves(batch)) {
    for (size_t byte = 0; byte < leaf.leaf.size(); ++byte) {
      FlipLeaf({batch, leaf.index}, byte);
      EXPECT_NE(digest(), whole) << leaf.index << " " << byte;
      FlipLeaf({batch, leaf.index}, byte);
    }
  }
  EXPECT_EQ(digest(), whole);
}

TEST_F(ReportTest, ABatchWhoseLeafChangesMeanwhileIsNotMovedAndIsNamed) {
  const Uuid kept = Register(1);
  const Uuid hurt = Register(3);
  Rotate("a/key");
  const Uuid id = Start();
  bool done = false;
  std::function<void()> change = [&] {
    if (!std::exchange(done, true)) FlipLeaf({hurt, 1}, 5);
  };
  g_when_sealed = &change;
  SetCrashHookForTest(&WhenSealed);
  const Job job = RunToEnd(id);
  EXPECT_EQ(job.row.state, JobState::kPartial);
  ASSERT_EQ(job.failures.size(), 1u);
  EXPECT_EQ(job.failures[0].batch_id, hurt);
  EXPECT_EQ(job.failures[0].reason, "STORE_CORRUPT");
  EXPECT_EQ(job.deks_left, 3u);
  const Json report = ReportOf(id);
  EXPECT_EQ(report.at("state"), "PARTIAL");
  EXPECT_EQ(report.at("batches_failed"), 1);
  EXPECT_EQ(report.at("leaf_digest").at("after"),
            Chain({{kept, Leaves(kept)}}));
}

TEST_F(ReportTest, ALeafThatChangedSinceItWasRegisteredKeepsItsBatchBack) {
  const Uuid kept = Register(2);
  const Uuid hurt = Register(20);
  Rotate("a/key");
  FlipLeaf({hurt, 19}, 60);
  const Uuid id = Start();
  const Job job = RunToEnd(id);
  EXPECT_EQ(job.row.state, JobState::kPartial);
  ASSERT_EQ(job.failures.size(), 1u);
  EXPECT_EQ(job.failures[0].batch_id, hurt);
  EXPECT_EQ(job.failures[0].reason, "STORE_CORRUPT");
  EXPECT_EQ(job.row.deks_moved, 2u);
  EXPECT_EQ(job.deks_left, 20u);
  EXPECT_EQ(ReportOf(id).at("leaf_digest").at("before"),
            Chain({{kept, Leaves(kept)}}));
}

TEST_F(ReportTest, ALeafThatIsMissingOrMoreThanWasRegisteredKeepsItsBatchBack) {
  const Uuid batches[] = {Register(2), Register(2)};
  Rotate("a/key");
  ASSERT_OK(store_.Update([&](store::Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.deks().DeleteDek({batches[0], 0}));
    SR_ASSIGN_OR_RETURN(auto dek, t.deks().GetDek({batches[1], 0}));
    dek->id.index = 7;
    return t.deks().InsertDek(*dek);
  }));
  const Job job = RunToEnd(Start());
  EXPECT_EQ(job.row.state, JobState::kPartial);
  EXPECT_EQ(job.failures.size(), 2u);
}

TEST_F(ReportTest, WhatABatchsLeavesAreIsKnownFromItsRegistrationOn) {
  const Uuid batch = Register(3);
  const Bytes registered = Noted(batch);
  EXPECT_EQ(registered.size(), 32u);
  Rotate("a/key");
  RunToEnd(Start());
  EXPECT_EQ(Noted(batch), registered);
}

TEST_F(ReportTest, ABatchThatLostADekIsNotedAnewByTheNextJob) {
  const Uuid deleted = Register(3);
  const Uuid shredded = Register(3);
  const Bytes before = Noted(deleted);
  ASSERT_OK(registry_->Delete(key_, {deleted, 2}));
  ASSERT_OK(registry_->Shred(key_, {shredded, 0}));
  EXPECT_TRUE(Noted(deleted).empty());
  EXPECT_TRUE(Noted(shredded).empty());
  Rotate("a/key");
  const Uuid id = Start();
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
  EXPECT_EQ(Noted(deleted).size(), 32u);
  EXPECT_NE(Noted(deleted), before);
  EXPECT_EQ(ReportOf(id).at("leaf_digest").at("before"),
            Chain({{deleted, Leaves(deleted)}, {shredded, Leaves(shredded)}}));
}

TEST_F(ReportTest, ABatchFromBeforeThereWereDigestsIsNotedByItsFirstJob) {
  const Uuid old = Register(3);
  const Bytes registered = Noted(old);
  Forget(old);
  Rotate("a/key");
  const Uuid id = Start();
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
  EXPECT_EQ(Noted(old), registered);
  EXPECT_EQ(ReportOf(id).at("leaf_digest").at("after"),
            Chain({{old, Leaves(old)}}));
}

TEST_F(ReportTest, ALeafThatChangesAfterAJobHasNotedItIsFound) {
  const Uuid old = Register(3);
  Forget(old);
  Rotate("a/key");
  const Uuid id = Start();
  std::function<void()> change = [&] { FlipLeaf({old, 1}, 5); };
  g_when_sealed = &change;
  SetCrashHookForTest(&WhenSealed);
  const Job job = RunToEnd(id);
  EXPECT_EQ(job.row.state, JobState::kPartial);
  EXPECT_EQ(job.failures[0].batch_id, old);
}

TEST_F(ReportTest, ABatchThatWasHurtMovesWithoutTheDekThatWas) {
  const Uuid hurt = Register(2);
  Rotate("a/key");
  FlipLeaf({hurt, 0}, 40);
  EXPECT_EQ(RunToEnd(Start()).row.state, JobState::kPartial);
  ASSERT_OK(registry_->Delete(key_, {hurt, 0}));
  const Job job = RunToEnd(Start());
  EXPECT_EQ(job.row.state, JobState::kDone);
  EXPECT_EQ(job.row.deks_moved, 1u);
}

TEST_F(ReportTest, ADekThatIsDeletedMeanwhileIsInNeitherDigest) {
  const Uuid batch = Register(3);
  Rotate("a/key");
  const Uuid id = Start();
  bool done = false;
  std::function<void()> change = [&] {
    if (!std::exchange(done, true)) {
      EXPECT_OK(registry_->Delete(key_, {batch, 1}));
    }
  };
  g_when_sealed = &change;
  SetCrashHookForTest(&WhenSealed);
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
  const Json report = ReportOf(id);
  EXPECT_EQ(report.at("deks_moved"), 2);
  const std::string left = Chain({{batch, Leaves(batch)}});
  EXPECT_EQ(report.at("leaf_digest").at("before"), left);
  EXPECT_EQ(report.at("leaf_digest").at("after"), left);
}

TEST_F(ReportTest, ThereIsNoneBeforeTheEndNorForAnotherKey) {
  MakeKey("b/key");
  Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  EXPECT_THAT(jobs_->Report(key_, id), HasReason(Reason::kJobState));
  ASSERT_OK(jobs_->Move(key_, id, JobMove::kPause));
  EXPECT_THAT(jobs_->Report(key_, id), HasReason(Reason::kJobState));
  const Uuid other = keyring_->Current()->FindByName("b/key")->id;
  EXPECT_THAT(jobs_->Report(other, id), HasReason(Reason::kJobNotFound));
  EXPECT_THAT(jobs_->Report(key_, Uuid::Random()),
              HasReason(Reason::kJobNotFound));
}

TEST_F(ReportTest, ACancelledJobAndOneWithNothingToDoHaveOneToo) {
  const Uuid idle = Start();
  RunToEnd(idle);
  EXPECT_EQ(ReportOf(idle).at("batches_moved"), 0);
  Register(1);
  Rotate("a/key");
  const Uuid cancelled = Start();
  ASSERT_OK(jobs_->Move(key_, cancelled, JobMove::kCancel));
  EXPECT_EQ(ReportOf(cancelled).at("state"), "CANCELLED");
  EXPECT_EQ(ReportOf(cancelled).at("from_versions"), Json::array());
}

TEST_F(ReportTest, ATokenThatDoesNotSignNowSignsLaterAndTheJobHasEnded) {
  Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  device_.FailNext(FakeOperation::kSign, Error(Reason::kHsmUnavailable, "away"),
                   2);
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
  EXPECT_THAT(jobs_->Report(key_, id), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(ReportOf(id).at("deks_moved"), 1);
}

TEST_F(ReportTest, ItStaysTheSameDocument) {
  Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  RunToEnd(id);
  const uint64_t signatures = device_.count(FakeOperation::kSign);
  EXPECT_EQ(signatures, 1u) << "made when the job ended";
  ASSERT_OK_AND_ASSIGN(const std::string document, jobs_->Report(key_, id));
  RestartJobs();
  EXPECT_EQ(jobs_->Report(key_, id).value(), document);
  EXPECT_EQ(device_.count(FakeOperation::kSign), signatures);
}

TEST_F(ReportTest, AJobOverARotationNamesEveryVersion) {
  Register(1);
  Rotate("a/key");
  Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  RunToEnd(id);
  EXPECT_EQ(ReportOf(id).at("from_versions"), Json({1, 2}));
  EXPECT_EQ(ReportOf(id).at("to_versions"), Json({3}));
}

}  // namespace
}  // namespace strongroom::registry
