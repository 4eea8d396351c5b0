// Rewrap jobs, on the whole of what is below the door.
#include "strongroom/registry/jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <tuple>

#include "strongroom/base/crash_points.h"
#include "tests/service/rig.h"

namespace strongroom::registry {
namespace {

using ::strongroom::testing::FakeOperation;
using ::strongroom::testing::HasReason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

struct Crash {};
const char* g_crash_at = nullptr;
int g_crash_in = 0;

void CrashHere(const char* step) {
  if (g_crash_at == nullptr || std::string_view(step) != g_crash_at) return;
  if (--g_crash_in == 0) throw Crash{};
}

int g_stored = 0;
void CountStored(const char* step) {
  if (std::string_view(step) == "rewrap/stored") ++g_stored;
}

class JobsTest : public ::testing::Test, protected service::Rig {
 protected:
  JobsTest() {
    MakeKey("a/key");
    key_ = keyring_->Current()->FindByName("a/key")->id;
  }
  ~JobsTest() override { SetCrashHookForTest(nullptr); }

  // Registers one batch of so many DEKs.
  void Register(uint32_t deks) {
    service::SealCommand command =
        SealOf("a/key", std::vector<std::string>(deks, std::string(kDek)));
    command.registers = true;
    auto result = Seal(CallAs("root", service::Operation::kBatchWrap),
                       std::move(command));
    ASSERT_OK(result);
    for (const service::SealedItem& item : result->items) {
      ASSERT_OK(item.status);
      ids_.push_back(*item.id);
      leaves_.push_back(item.leaf);
    }
  }
  // Every DEK opens to its bytes, and no leaf has changed.
  void ExpectAllOpen() {
    for (size_t i = 0; i < ids_.size(); ++i) {
      service::OpenCommand command;
      command.items.push_back({{}, std::nullopt, ids_[i].ToString()});
      auto opened =
          Open(CallAs("root", service::Operation::kUnwrap), std::move(command));
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
        SR_ASSIGN_OR_RETURN(
            auto batches, t.registered().ListBatches(key_, version, {}, 1000));
        for (const store::BatchRow& batch : batches) {
          ++counted[version].first;
          counted[version].second += batch.deks;
        }
      }
      SR_ASSIGN_OR_RETURN(auto rows, t.registered().CensusOf(key_));
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
      SR_ASSIGN_OR_RETURN(auto row, t.registered().GetBatch(batch));
      edit(&*row);
      return t.registered().UpdateBatch(*row);
    }));
  }
  Status Destroy(uint32_t version) {
    return Move(service::Operation::kScheduleDestroyVersion, "a/key", version);
  }

  Uuid key_;
  std::vector<DekId> ids_;
  std::vector<Bytes> leaves_;
};

TEST_F(JobsTest, AJobMovesEveryBatchWithTwoTokenOperationsEach) {
  for (uint32_t deks : {1u, 3u, 50u}) Register(deks);
  Rotate("a/key");
  const uint64_t seals = device_.count(FakeOperation::kSeal);
  const uint64_t opens = device_.count(FakeOperation::kOpen);
  const Uuid id = Start();
  EXPECT_EQ(Get(id).batches_left, 3u);
  const Job job = RunToEnd(id);
  EXPECT_EQ(job.row.state, JobState::kDone);
  EXPECT_EQ(job.row.batches_moved, 3u);
  EXPECT_EQ(job.row.deks_moved, 54u);
  EXPECT_EQ(job.batches_left, 0u);
  EXPECT_EQ(device_.count(FakeOperation::kSeal) - seals, 3u);
  EXPECT_EQ(device_.count(FakeOperation::kOpen) - opens, 3u);
  EXPECT_THAT(Census(), ElementsAre(Pair(2, 54)));
  ExpectAllOpen();
}

TEST_F(JobsTest, ManyBatchesShareATransaction) {
  for (int i = 0; i < 300; ++i) Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  const int before = store_.updates();
  RunToEnd(id);
  EXPECT_LT(store_.updates() - before, 10);
  EXPECT_THAT(Census(), ElementsAre(Pair(2, 300)));
}

TEST_F(JobsTest, OneTransactionHasOnlySoManyDeksHoweverFewTheBatches) {
  for (int i = 0; i < 33; ++i) Register(1024);
  Rotate("a/key");
  const Uuid id = Start();
  g_stored = 0;
  SetCrashHookForTest(&CountStored);
  RunToEnd(id);
  EXPECT_EQ(g_stored, 3) << "16384 DEKs each";
  EXPECT_THAT(Census(), ElementsAre(Pair(2, 33 * 1024)));
}

TEST_F(JobsTest, AVersionWithRegisteredDeksIsRefusedDestructionUntilMoved) {
  Register(7);
  Rotate("a/key");
  EXPECT_THAT(Destroy(1), HasReason(Reason::kDeksOutstanding, HasSubstr("7")));
  RunToEnd(Start());
  EXPECT_OK(Destroy(1));
  ExpectAllOpen();
}

TEST_F(JobsTest, APreviewChangesNothing) {
  Register(4);
  Rotate("a/key");
  const int updates = store_.updates();
  ASSERT_OK_AND_ASSIGN(Job job, jobs_->Preview(key_, {}));
  EXPECT_EQ(job.row.batches_total, 1u);
  EXPECT_EQ(job.row.deks_total, 4u);
  EXPECT_TRUE(job.row.id.IsNil());
  EXPECT_EQ(store_.updates(), updates);
  ASSERT_OK_AND_ASSIGN(auto jobs, jobs_->List(key_));
  EXPECT_THAT(jobs, IsEmpty());
}

TEST_F(JobsTest, OnlyTheNamedVersionsAreEmptied) {
  Register(1);
  Rotate("a/key");
  Register(2);
  Rotate("a/key");
  EXPECT_EQ(RunToEnd(Start({.from = {2}, .batches_per_second = 0})).row.state,
            JobState::kDone);
  EXPECT_THAT(Census(), ElementsAre(Pair(1, 1), Pair(3, 2)));
  EXPECT_OK(Destroy(2));
  EXPECT_THAT(Destroy(1), HasReason(Reason::kDeksOutstanding));
}

TEST_F(JobsTest, VersionsThatCannotBeEmptiedAreRefused) {
  Rotate("a/key");
  EXPECT_THAT(jobs_->Start(key_, {{2}, 0}, "x"),
              HasReason(Reason::kArgumentInvalid));
  EXPECT_THAT(jobs_->Start(key_, {{1, 9}, 0}, "x"),
              HasReason(Reason::kVersionNotFound));
  EXPECT_THAT(jobs_->Start(Uuid::Random(), {}, "x"),
              HasReason(Reason::kKeyNotFound));
}

TEST_F(JobsTest, AKeyHasOneUnfinishedJob) {
  const Uuid id = Start();
  EXPECT_THAT(jobs_->Start(key_, {}, "x"),
              HasReason(Reason::kJobState, HasSubstr(id.ToString())));
  RunToEnd(id);
  EXPECT_OK(jobs_->Start(key_, {}, "x"));
}

TEST_F(JobsTest, ARotationWhileItRunsIsFollowed) {
  for (int i = 0; i < 3; ++i) Register(1);
  Rotate("a/key");
  const Uuid id = Start({.from = {}, .batches_per_second = 1});
  jobs_->RunDue();
  EXPECT_EQ(Get(id).row.batches_moved, 1u) << "the rate holds it back";
  Rotate("a/key");
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
  EXPECT_THAT(Census(), ElementsAre(Pair(3, 3)));
  ExpectAllOpen();
}

TEST_F(JobsTest, ARotationStartsTheJobIfTheKeySaysSo) {
  Register(3);
  keyring::KeyChange change;
  change.rewrap_on_rotation = true;
  ASSERT_OK(keyring_->UpdateKey(key_, change));
  Rotate("a/key");
  ASSERT_OK_AND_ASSIGN(const auto jobs, jobs_->List(key_));
  ASSERT_THAT(jobs, SizeIs(1));
  EXPECT_EQ(jobs[0].row.created_by, "rotation");
  EXPECT_EQ(jobs[0].row.deks_total, 3u);
  EXPECT_EQ(RunToEnd(jobs[0].row.id).row.state, JobState::kDone);
  EXPECT_THAT(Census(), ElementsAre(Pair(2, 3)));
  ExpectAllOpen();
}

TEST_F(JobsTest, ARotationStartsNoJobOtherwise) {
  Register(1);
  Rotate("a/key");
  EXPECT_THAT(*jobs_->List(key_), IsEmpty());
}

TEST_F(JobsTest, ARotationWidensTheUnfinishedJobAndStartsNoSecond) {
  Register(1);
  Rotate("a/key");
  Register(1);
  Rotate("a/key");
  Register(1);
  const Uuid id = Start({.from = {1}, .batches_per_second = 1});
  keyring::KeyChange change;
  change.rewrap_on_rotation = true;
  ASSERT_OK(keyring_->UpdateKey(key_, change));
  Rotate("a/key");
  EXPECT_THAT(*jobs_->List(key_), SizeIs(1));
  EXPECT_THAT(Get(id).row.from, IsEmpty());
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
  EXPECT_THAT(Census(), ElementsAre(Pair(4, 3)));
  ExpectAllOpen();
}

TEST_F(JobsTest, AJobThatCannotBeStoredWithItsRotationLeavesTheOldPrimary) {
  keyring::KeyChange change;
  change.rewrap_on_rotation = true;
  ASSERT_OK(keyring_->UpdateKey(key_, change));
  // PENDING, then ENABLED with the job.
  store_.FailUpdate(2, Error(Reason::kStoreFull, "full"));
  EXPECT_FALSE(keyring_->Rotate(key_).ok());
  EXPECT_EQ(keyring_->Current()->FindById(key_)->primary, 1u);
  EXPECT_THAT(*jobs_->List(key_), IsEmpty());
  Rotate("a/key");
  EXPECT_THAT(*jobs_->List(key_), SizeIs(1));
}

TEST_F(JobsTest, TheRateIsKept) {
  for (int i = 0; i < 10; ++i) Register(1);
  Rotate("a/key");
  const Uuid id = Start({.from = {}, .batches_per_second = 2});
  const WallTime begun = clock_.Now();
  const Job job = RunToEnd(id);
  EXPECT_GE(job.row.finished - begun, std::chrono::seconds(4));
  EXPECT_LE(job.row.finished - begun, std::chrono::seconds(8));
}

TEST_F(JobsTest, APausedJobRestsAndAResumedOneGoesOn) {
  Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  ASSERT_OK(jobs_->Move(key_, id, JobMove::kPause));
  EXPECT_THAT(jobs_->Move(key_, id, JobMove::kPause),
              HasReason(Reason::kJobState));
  jobs_->RunDue();
  EXPECT_THAT(Census(), ElementsAre(Pair(1, 1)));
  EXPECT_THAT(jobs_->Start(key_, {}, "x"), HasReason(Reason::kJobState));
  ASSERT_OK(jobs_->Move(key_, id, JobMove::kResume));
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
  for (JobMove move : {JobMove::kPause, JobMove::kResume, JobMove::kCancel}) {
    EXPECT_THAT(jobs_->Move(key_, id, move), HasReason(Reason::kJobState));
  }
}

TEST_F(JobsTest, ACancelledJobMovesNothingMore) {
  for (int i = 0; i < 2; ++i) Register(1);
  Rotate("a/key");
  const Uuid id = Start({.from = {}, .batches_per_second = 1});
  jobs_->RunDue();
  ASSERT_OK(jobs_->Move(key_, id, JobMove::kCancel));
  clock_.Advance(std::chrono::seconds(60));
  jobs_->RunDue();
  EXPECT_THAT(Census(), ElementsAre(Pair(1, 1), Pair(2, 1)));
  EXPECT_EQ(Get(id).row.state, JobState::kCancelled);
  EXPECT_EQ(RunToEnd(Start()).row.state, JobState::kDone);
  ExpectAllOpen();
}

TEST_F(JobsTest, ADeviceThatFailsMakesTheJobWaitAndNotFail) {
  for (int i = 0; i < 3; ++i) Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  device_.FailNext(FakeOperation::kOpen,
                   Error(Reason::kHsmUnavailable, "unplugged"), 3);
  jobs_->RunDue();
  EXPECT_THAT(Get(id).row.waits_for, HasSubstr("HSM_UNAVAILABLE"));
  EXPECT_EQ(Get(id).row.state, JobState::kRunning);
  const Job job = RunToEnd(id);
  EXPECT_EQ(job.row.state, JobState::kDone);
  EXPECT_EQ(job.row.failures, 0u);
  EXPECT_EQ(job.row.waits_for, "");
  EXPECT_THAT(Census(), ElementsAre(Pair(2, 3)));
}

TEST_F(JobsTest, AStoreThatIsFullMakesTheJobWait) {
  Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  store_.FailUpdate(1, Error(Reason::kStoreFull, "no space"),
                    testing::MemoryStore::Moment::kBeforeCommit, 3);
  jobs_->RunDue();
  EXPECT_THAT(Census(), ElementsAre(Pair(1, 1)));
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
  ExpectAllOpen();
}

TEST_F(JobsTest, AStoreThatCannotBeWrittenMakesTheJobWait) {
  Register(2);
  Rotate("a/key");
  const Uuid id = Start();
  store_.FailUpdate(1, Error(Reason::kStoreReadOnly, "read-only"),
                    testing::MemoryStore::Moment::kBeforeCommit, 1000);
  for (int i = 0; i < 5; ++i) clock_.Advance(jobs_->RunDue());
  EXPECT_EQ(Get(id).row.state, JobState::kRunning);
  EXPECT_THAT(Census(), ElementsAre(Pair(1, 2)));
  ExpectAllOpen();
  store_.ClearFaults();
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
  EXPECT_THAT(Census(), ElementsAre(Pair(2, 2)));
  ExpectAllOpen();
}

TEST_F(JobsTest, ADekOpensWhileItsBatchMoves) {
  Register(5);
  Rotate("a/key");
  const Uuid id = Start();
  std::atomic<bool> moving = true;
  std::thread caller([&] {
    while (moving) ExpectAllOpen();
  });
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
  moving = false;
  caller.join();
  ExpectAllOpen();
}

TEST_F(JobsTest, MoreThanAChunkIsSentAheadAndMovedOnce) {
  keyring::KeyChange single;
  single.policy = batching::BatchPolicy{.max_items = 1};
  ASSERT_OK(keyring_->UpdateKey(key_, single));
  for (int i = 0; i < 3; ++i) Register(300);
  Rotate("a/key");
  const uint64_t before = engine_->Stats().token_operations;
  const Job job = RunToEnd(Start());
  EXPECT_EQ(job.row.state, JobState::kDone);
  EXPECT_EQ(job.row.batches_moved, 900u);
  EXPECT_EQ(engine_->Stats().token_operations - before, 1800u);
  EXPECT_THAT(Census(), ElementsAre(Pair(2, 900)));
}

TEST_F(JobsTest, AVersionDisabledInMidJobMakesItWait) {
  Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  ASSERT_OK(Move(service::Operation::kDisableVersion, "a/key", 1));
  jobs_->RunDue();
  EXPECT_THAT(Get(id).row.waits_for, HasSubstr("VERSION_STATE"));
  ASSERT_OK(Move(service::Operation::kEnableVersion, "a/key", 1));
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
}

TEST_F(JobsTest, ABatchThatDoesNotAuthenticateIsReportedAndTheRestMoves) {
  for (int i = 0; i < 3; ++i) Register(1);
  Rotate("a/key");
  EditBatch(ids_[1].batch_id,
            [](store::BatchRow* row) { row->header.back() ^= 1; });
  const Job job = RunToEnd(Start());
  EXPECT_EQ(job.row.state, JobState::kPartial);
  EXPECT_EQ(job.row.batches_moved, 2u);
  ASSERT_THAT(job.failures, SizeIs(1));
  EXPECT_EQ(job.failures[0].batch_id, ids_[1].batch_id);
  EXPECT_EQ(job.failures[0].reason, "NOT_AUTHENTIC");
  EXPECT_THAT(Census(), ElementsAre(Pair(1, 1), Pair(2, 2)));
  EXPECT_THAT(Destroy(1), HasReason(Reason::kDeksOutstanding));
}

TEST_F(JobsTest, ARowThatIsNotItsHeadersIsReported) {
  for (int i = 0; i < 2; ++i) Register(1);
  Rotate("a/key");
  EditBatch(ids_[0].batch_id, [](store::BatchRow* row) { row->header = {1}; });
  const Job job = RunToEnd(Start());
  EXPECT_EQ(job.row.state, JobState::kPartial);
  ASSERT_THAT(job.failures, SizeIs(1));
  EXPECT_THAT(Census(), ElementsAre(Pair(1, 1), Pair(2, 1)));
}

TEST_F(JobsTest, WhatIsDeletedOrShreddedWhileItsBatchMovesStaysSo) {
  Register(2);
  Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  device_.Hold();
  std::thread run([&] { jobs_->RunDue(); });
  device_.WaitUntilHeld(1);
  EXPECT_OK(registry_->Delete(key_, ids_[0]));
  EXPECT_OK(registry_->Shred(key_, ids_[2]));
  device_.Release();
  run.join();
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
  EXPECT_THAT(Census(), ElementsAre(Pair(2, 1)));
  EXPECT_THAT(registry_->CheckNotShredded(ids_[2]),
              HasReason(Reason::kDekShredded));
}

TEST_F(JobsTest, AStalledHolderIsFencedOffByItsSuccessor) {
  Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  device_.Hold();
  std::thread stalled([&] { jobs_->RunDue(); });
  device_.WaitUntilHeld(1);
  // While it waits for the token, another process takes the job over.
  store_.FreeLeases();
  store::Lease lease;
  EXPECT_OK(store_.Update([&](store::Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(
        lease, t.TakeLease("job/" + id.ToString(), "successor", clock_.Now(),
                           clock_.Now() + std::chrono::hours(1)));
    return OkStatus();
  }));
  device_.Release();
  stalled.join();
  EXPECT_THAT(Census(), ElementsAre(Pair(1, 1))) << "its writes are refused";
  EXPECT_EQ(Get(id).row.batches_moved, 0u);
  clock_.Advance(std::chrono::minutes(1));
  jobs_->RunDue();
  EXPECT_THAT(Census(), ElementsAre(Pair(1, 1))) << "the lease is another's";
  EXPECT_OK(store_.Update(
      [&](store::Transaction& t) { return t.ReleaseLease(lease); }));
  EXPECT_EQ(RunToEnd(id).row.batches_moved, 1u);
  ExpectAllOpen();
}

TEST_F(JobsTest, WhatWasSealedBeforeAndComesAfterTheEndIsSealedAgain) {
  auto sealed = Seal(CallAs("root", service::Operation::kWrap),
                     SealOf("a/key", {std::string(kDek)}));
  ASSERT_OK(sealed);
  Rotate("a/key");
  EXPECT_EQ(RunToEnd(Start()).row.state, JobState::kDone);
  std::promise<StatusOr<Registered>> answer;
  registry_->Register(
      {"cn:root",
       key_,
       std::nullopt,
       {{sealed->items[0].header, sealed->items[0].leaf, {}, ""}}},
      [&](StatusOr<Registered> registered) {
        answer.set_value(std::move(registered));
      });
  EXPECT_THAT(answer.get_future().get(),
              HasReason(Reason::kConflict, HasSubstr("repeat")));
  EXPECT_THAT(Census(), IsEmpty());
  Register(1);
  EXPECT_THAT(Census(), ElementsAre(Pair(2, 1)));
}

TEST_F(JobsTest, AJobOfAnotherKeyIsNotFound) {
  MakeKey("b/key");
  const Uuid other = keyring_->Current()->FindByName("b/key")->id;
  const Uuid id = Start();
  EXPECT_THAT(jobs_->Get(other, id), HasReason(Reason::kJobNotFound));
  EXPECT_THAT(jobs_->Move(other, id, JobMove::kCancel),
              HasReason(Reason::kJobNotFound));
  EXPECT_THAT(jobs_->Get(key_, Uuid::Random()),
              HasReason(Reason::kJobNotFound));
}

// A kill at every step, and a new process after it.
class JobsCrashTest
    : public JobsTest,
      public ::testing::WithParamInterface<std::pair<const char*, int>> {};

INSTANTIATE_TEST_SUITE_P(Steps, JobsCrashTest,
                         ::testing::Values(std::pair("rewrap/begin", 1),
                                           std::pair("rewrap/begin", 2),
                                           std::pair("rewrap/sealed", 1),
                                           std::pair("rewrap/sealed", 2),
                                           std::pair("rewrap/stored", 1),
                                           std::pair("rewrap/stored", 2),
                                           std::pair("rewrap/ended", 1)));

TEST_P(JobsCrashTest, EveryDekOpensAndTheJobEnds) {
  for (int i = 0; i < 600; ++i) Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  std::tie(g_crash_at, g_crash_in) = GetParam();
  SetCrashHookForTest(&CrashHere);
  EXPECT_THROW(jobs_->RunDue(), Crash);
  SetCrashHookForTest(nullptr);

  RestartJobs();
  const Job job = RunToEnd(id);
  EXPECT_EQ(job.row.state, JobState::kDone);
  EXPECT_EQ(job.row.batches_moved, 600u) << "each once";
  EXPECT_THAT(Census(), ElementsAre(Pair(2, 600)));
  ExpectAllOpen();
}

}  // namespace
}  // namespace strongroom::registry
