// Rewrap jobs when something is wrong: the token, the store, a batch, a holder
// that stalls, a kill at any step.
#include <atomic>
#include <future>
#include <string_view>
#include <thread>
#include <tuple>

#include "tests/registry/jobs_rig.h"

namespace strongroom::registry {
namespace {

using ::strongroom::testing::FakeOperation;
using ::strongroom::testing::HasReason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

using JobsFaultTest = JobsTest;

struct Crash {};
const char* g_crash_at = nullptr;
int g_crash_in = 0;

void CrashHere(const char* step) {
  if (g_crash_at == nullptr || std::string_view(step) != g_crash_at) return;
  if (--g_crash_in == 0) throw Crash{};
}

TEST_F(JobsFaultTest, ADeviceThatFailsMakesTheJobWaitAndNotFail) {
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

TEST_F(JobsFaultTest, AStoreThatIsFullMakesTheJobWait) {
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

TEST_F(JobsFaultTest, AStoreThatCannotBeWrittenMakesTheJobWait) {
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

TEST_F(JobsFaultTest, ADekOpensWhileItsBatchMoves) {
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

TEST_F(JobsFaultTest, MoreThanAChunkIsSentAheadAndMovedOnce) {
  keyring::KeyChange single;
  single.batch = model::BatchPolicy{.max_items = 1};
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

TEST_F(JobsFaultTest, AVersionDisabledInMidJobMakesItWait) {
  Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  ASSERT_OK(Move(service::ops::kDisableVersion, "a/key", 1));
  jobs_->RunDue();
  EXPECT_THAT(Get(id).row.waits_for, HasSubstr("VERSION_STATE"));
  ASSERT_OK(Move(service::ops::kEnableVersion, "a/key", 1));
  EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
}

TEST_F(JobsFaultTest, ABatchThatDoesNotAuthenticateIsReportedAndTheRestMoves) {
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

TEST_F(JobsFaultTest, ARowThatIsNotItsHeadersIsReported) {
  for (int i = 0; i < 2; ++i) Register(1);
  Rotate("a/key");
  EditBatch(ids_[0].batch_id, [](store::BatchRow* row) { row->header = {1}; });
  const Job job = RunToEnd(Start());
  EXPECT_EQ(job.row.state, JobState::kPartial);
  ASSERT_THAT(job.failures, SizeIs(1));
  EXPECT_THAT(Census(), ElementsAre(Pair(1, 1), Pair(2, 1)));
}

TEST_F(JobsFaultTest, WhatIsDeletedOrShreddedWhileItsBatchMovesStaysSo) {
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

TEST_F(JobsFaultTest, AStalledHolderIsFencedOffByItsSuccessor) {
  Register(1);
  Rotate("a/key");
  const Uuid id = Start();
  device_.Hold();
  std::thread stalled([&] { jobs_->RunDue(); });
  device_.WaitUntilHeld(1);
  // While it waits for the token, another process takes the job over.
  clock_.Advance(std::chrono::seconds(31));
  testing::MemoryReplica successor(store_);
  store::Lease lease;
  EXPECT_OK(successor.Update([&](store::Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(
        lease, t.TakeLease("job/" + id.ToString(), std::chrono::hours(1)));
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

TEST_F(JobsFaultTest, WhatWasSealedBeforeAndComesAfterTheEndIsSealedAgain) {
  auto sealed = Seal(CallAs("root", service::ops::kWrap),
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

// A kill at every step, and a new process after it.
class JobsCrashTest
    : public JobsFaultTest,
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
