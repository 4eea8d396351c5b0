// What rewrap jobs do when all is well, and what is asked of them.
#include <string_view>

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

int g_stored = 0;
void CountStored(const char* step) {
  if (std::string_view(step) == "rewrap/stored") ++g_stored;
}

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

TEST_F(JobsTest, AJobAsksTheEngineForItsShareAlsoAfterARestart) {
  int asked = -1;
  for (uint32_t share : {0u, 1u, 25u, 50u}) {
    Register(1);
    Rotate("a/key");
    JobOptions options;
    options.min_share = share;
    const Uuid id = Start(options);
    EXPECT_EQ(Get(id).row.min_share, share);
    store_.Restart();
    jobs_ = CreateJobs(
        store_,
        [&](auto request) {
          asked = request->share;
          engine_->Rewrap(std::move(request));
        },
        clock_, NullMetrics(),
        [](std::string_view, ByteView) {
          return StatusOr<std::string>("a report");
        });
    EXPECT_EQ(RunToEnd(id).row.state, JobState::kDone);
    EXPECT_EQ(asked, static_cast<int>(share));
  }
  RestartJobs();
}

TEST_F(JobsTest, AShareOutOfBoundsIsRefused) {
  for (uint32_t share : {51u, 100u, 0xffffffffu}) {
    JobOptions options;
    options.min_share = share;
    EXPECT_THAT(jobs_->Start(key_, options, "x"),
                HasReason(Reason::kArgumentInvalid,
                          HasSubstr("limits.background_share")));
    EXPECT_THAT(jobs_->Preview(key_, options),
                HasReason(Reason::kArgumentInvalid));
  }
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

}  // namespace
}  // namespace strongroom::registry
