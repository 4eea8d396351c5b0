#include "strongroom/registry/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "registry/report_rows.h"
#include "tests/registry/registry_rig.h"

namespace strongroom::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RegistryTest : public ::testing::Test, protected RegistryRig {};

TEST_F(RegistryTest, ARegisteredDekIsFoundByItsIdAsItWasSealed) {
  const Batch batch = Seal(key_, 1, 2);
  ASSERT_OK_AND_ASSIGN(Registered made, Register(batch));
  ASSERT_THAT(made.ids, SizeIs(2));
  EXPECT_EQ(made.ids[0].batch_id, batch.id);
  EXPECT_EQ(made.ids[1].index, 1u);
  ASSERT_OK_AND_ASSIGN(auto held, registry_->Find(made.ids));
  ASSERT_THAT(held, SizeIs(2));
  EXPECT_OK(held[1].status);
  EXPECT_EQ(held[1].key_id, key_);
  EXPECT_EQ(envelope::SerializeHeader(held[1].token.header), *batch.header);
  Bytes leaf;
  envelope::AppendLeaf(held[1].token.leaf, &leaf);
  EXPECT_EQ(leaf, batch.leaves[1]);
  EXPECT_EQ(held[1].reference, "ref");
}

TEST_F(RegistryTest, UnknownIdsAreNotFoundOneByOne) {
  ASSERT_OK_AND_ASSIGN(Registered made, Register(Seal(key_, 1, 1)));
  const DekId other_index{made.ids[0].batch_id, 1};
  const DekId other_batch{Uuid::Random(), 0};
  const std::vector<DekId> asked{other_index, made.ids[0], other_batch};
  ASSERT_OK_AND_ASSIGN(auto held, registry_->Find(asked));
  EXPECT_THAT(held[0].status, HasReason(Reason::kDekNotFound));
  EXPECT_OK(held[1].status);
  EXPECT_THAT(held[2].status, HasReason(Reason::kDekNotFound));
  EXPECT_TRUE(held[2].key_id.IsNil());
}

TEST_F(RegistryTest, TheCensusCountsWhatIsRegisteredDeletedAndShredded) {
  ASSERT_OK_AND_ASSIGN(Registered first, Register(Seal(key_, 1, 3)));
  ASSERT_OK(Register(Seal(key_, 2, 1)));
  EXPECT_THAT(Census(), ElementsAre(Counts(1, 1, 3), Counts(2, 1, 1)));
  ASSERT_OK(registry_->Delete(key_, first.ids[0]));
  ASSERT_OK(registry_->Shred(key_, first.ids[1]));
  EXPECT_THAT(Census(), ElementsAre(Counts(1, 1, 1), Counts(2, 1, 1)));
  ASSERT_OK(registry_->Shred(key_, first.ids[1])) << "again";
  EXPECT_THAT(registry_->Delete(key_, first.ids[0]),
              HasReason(Reason::kDekNotFound));
  ASSERT_OK(registry_->Delete(key_, first.ids[2]));
  EXPECT_THAT(Census(), ElementsAre(Counts(1, 0, 0), Counts(2, 1, 1)))
      << "the batch goes with its last DEK";
}

TEST_F(RegistryTest, PartsOfOneBatchComeOneAfterAnother) {
  const Batch batch = Seal(key_, 1, 3);
  ASSERT_OK(Register(Part(batch, 0, 1)));
  ASSERT_OK(Register(Part(batch, 1, 3)));
  EXPECT_THAT(Census(), ElementsAre(Counts(1, 1, 3)));
  EXPECT_THAT(Register(Part(batch, 2, 3)), HasReason(Reason::kConflict))
      << "no leaf twice";
  EXPECT_THAT(Census(), ElementsAre(Counts(1, 1, 3)));
}

TEST_F(RegistryTest, ABatchKnowsItsLeavesIfItCameInOnePartAndInAnyOrder) {
  const auto noted = [&](const Batch& batch) {
    Bytes leaves;
    EXPECT_OK(store_.Read([&](store::ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(const auto row, t.deks().GetBatch(batch.id));
      SR_ASSIGN_OR_RETURN(const Bytes now, DigestLeaves(t, batch.id));
      leaves = row->leaves;
      EXPECT_TRUE(leaves.empty() || leaves == now);
      return OkStatus();
    }));
    return leaves;
  };
  Batch whole = Seal(key_, 1, 300);
  std::ranges::reverse(whole.leaves);
  ASSERT_OK(Register(whole));
  EXPECT_EQ(noted(whole).size(), 32u);
  const Batch parts = Seal(key_, 1, 3);
  ASSERT_OK(Register(Part(parts, 0, 2)));
  EXPECT_EQ(noted(parts).size(), 32u);
  ASSERT_OK(Register(Part(parts, 2, 3)));
  EXPECT_EQ(noted(parts).size(), 0u);
}

TEST_F(RegistryTest, AnotherHeaderOfTheSameBatchIsRefused) {
  const Batch batch = Seal(key_, 1, 2);
  ASSERT_OK(Register(Part(batch, 0, 1)));
  Batch forged = Part(batch, 1, 2);
  Bytes header = *batch.header;
  header.back() ^= 1;
  forged.header = std::make_shared<const Bytes>(std::move(header));
  EXPECT_THAT(Register(forged), HasReason(Reason::kConflict));
  Batch of_other = forged;
  of_other.header = std::make_shared<const Bytes>(envelope::SerializeHeader(
      {other_key_, 1, batch.id, Bytes(envelope::kSealedSizeIv12, 7)}));
  of_other.key_id = other_key_;
  EXPECT_THAT(Register(of_other), HasReason(Reason::kConflict));
  EXPECT_THAT(Census(), ElementsAre(Counts(1, 1, 1)));
}

TEST_F(RegistryTest, AShreddedDekIsRefusedForEverByThisAndTheNextProcess) {
  ASSERT_OK_AND_ASSIGN(Registered made, Register(Seal(key_, 1, 2)));
  EXPECT_OK(registry_->CheckNotShredded(made.ids[0]));
  ASSERT_OK(registry_->Shred(key_, made.ids[0]));
  for (int process = 0; process < 2; ++process) {
    EXPECT_THAT(registry_->CheckNotShredded(made.ids[0]),
                HasReason(Reason::kDekShredded));
    EXPECT_OK(registry_->CheckNotShredded(made.ids[1]));
    ASSERT_OK_AND_ASSIGN(auto held, registry_->Find(made.ids));
    EXPECT_THAT(held[0].status, HasReason(Reason::kDekShredded));
    EXPECT_EQ(held[0].key_id, key_) << "who may ask can be judged";
    EXPECT_OK(held[1].status);
    EXPECT_THAT(registry_->Describe(key_, made.ids[0]),
                HasReason(Reason::kDekShredded));
    Reopen();
  }
}

TEST_F(RegistryTest, AnotherKeysDekIsNoneOfThisKey) {
  ASSERT_OK_AND_ASSIGN(Registered made, Register(Seal(key_, 1, 1)));
  EXPECT_THAT(registry_->Describe(other_key_, made.ids[0]),
              HasReason(Reason::kDekNotFound));
  EXPECT_THAT(registry_->Delete(other_key_, made.ids[0]),
              HasReason(Reason::kDekNotFound));
  EXPECT_THAT(registry_->Shred(other_key_, made.ids[0]),
              HasReason(Reason::kDekNotFound));
  ASSERT_OK(registry_->Shred(key_, made.ids[0]));
  EXPECT_THAT(registry_->Shred(other_key_, made.ids[0]),
              HasReason(Reason::kDekNotFound));
}

TEST_F(RegistryTest, ARequestIdMakesARequestOnce) {
  const Uuid id = Uuid::Random();
  ASSERT_OK_AND_ASSIGN(Registered made, Register(Seal(key_, 1, 2), id));
  EXPECT_FALSE(made.replayed);
  ASSERT_OK_AND_ASSIGN(Registered again, Register(Seal(key_, 1, 2), id));
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.ids, made.ids);
  EXPECT_THAT(Census(), ElementsAre(Counts(1, 1, 2)));
  ASSERT_OK_AND_ASSIGN(auto found,
                       registry_->FindRequest("cn:app", id, key_, 2));
  EXPECT_EQ(found, made.ids);
}

TEST_F(RegistryTest, ARequestIdIsRefusedToAnotherRequest) {
  const Uuid id = Uuid::Random();
  ASSERT_OK(Register(Seal(key_, 1, 2), id));
  EXPECT_THAT(Register(Seal(key_, 1, 1), id),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(Register(Seal(other_key_, 1, 2), id),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(registry_->FindRequest("cn:app", id, other_key_, 2),
              HasReason(Reason::kRequestIdReused));
  ASSERT_OK_AND_ASSIGN(auto found,
                       registry_->FindRequest("cn:other", id, key_, 2));
  EXPECT_EQ(found, std::nullopt) << "another caller's ids are its own";
}

TEST_F(RegistryTest, ARequestIdIsForgottenAfterADay) {
  const Uuid id = Uuid::Random();
  ASSERT_OK_AND_ASSIGN(Registered made, Register(Seal(key_, 1, 1), id));
  clock_.Advance(kRequestMemory - std::chrono::seconds(1));
  ASSERT_OK_AND_ASSIGN(Registered again, Register(Seal(key_, 1, 1), id));
  EXPECT_TRUE(again.replayed);
  clock_.Advance(std::chrono::seconds(1));
  ASSERT_OK_AND_ASSIGN(auto found,
                       registry_->FindRequest("cn:app", id, key_, 1));
  EXPECT_EQ(found, std::nullopt);
  ASSERT_OK_AND_ASSIGN(Registered later, Register(Seal(key_, 1, 1), id));
  EXPECT_FALSE(later.replayed);
  EXPECT_NE(later.ids, made.ids);
}

TEST_F(RegistryTest, NothingIsRegisteredUnderAVersionOnItsWayOut) {
  for (store::VersionState state : {store::VersionState::kDestroyScheduled,
                                    store::VersionState::kDestroyed}) {
    SetState(1, state);
    EXPECT_THAT(Register(Seal(key_, 1, 1)),
                HasReason(Reason::kConflict, HasSubstr("repeat")));
  }
  EXPECT_THAT(Register(Seal(key_, 9, 1)), HasReason(Reason::kConflict))
      << "a version that nobody knows";
  EXPECT_THAT(Census(), IsEmpty());
  SetState(1, store::VersionState::kDisabled);
  EXPECT_OK(Register(Seal(key_, 1, 1))) << "sealed before it was disabled";
}

TEST_F(RegistryTest, OneBadCallFailsAloneInItsGroup) {
  HoldWriter();
  auto good = RegisterLater(Seal(key_, 1, 1));
  Batch bad = Seal(key_, 1, 1);
  bad.labels = {{"UPPER", "x"}};
  auto refused = RegisterLater(bad);
  auto also_good = RegisterLater(Seal(key_, 2, 1));
  LetWriterGo();
  EXPECT_OK(good.get());
  EXPECT_THAT(refused.get(), HasReason(Reason::kArgumentInvalid));
  EXPECT_OK(also_good.get());
  EXPECT_THAT(Census(), ElementsAre(Counts(1, 1, 1), Counts(2, 1, 1)));
}

TEST_F(RegistryTest, CallsThatWaitTogetherShareOneTransaction) {
  HoldWriter();
  std::vector<std::future<StatusOr<Registered>>> answers;
  for (int i = 0; i < 20; ++i)
    answers.push_back(RegisterLater(Seal(key_, 1, 1)));
  const int before = store_.updates();
  LetWriterGo();
  for (auto& answer : answers) EXPECT_OK(answer.get());
  EXPECT_EQ(store_.updates() - before, 1);
  EXPECT_THAT(Census(), ElementsAre(Counts(1, 20, 20)));
}

TEST_F(RegistryTest, AStoreThatFailsFailsTheCallsAndRegistersNothing) {
  store_.FailUpdate(1, Error(Reason::kStoreFull, "no space"));
  EXPECT_THAT(Register(Seal(key_, 1, 1)), HasReason(Reason::kStoreFull));
  EXPECT_THAT(Census(), IsEmpty());
  EXPECT_OK(Register(Seal(key_, 1, 1)));
}

TEST_F(RegistryTest, TooManyWaitingAreRefusedAtOnce) {
  options_.max_waiting_deks = 4;
  Reopen();
  HoldWriter();
  auto first = RegisterLater(Seal(key_, 1, 4));
  auto second = RegisterLater(Seal(key_, 1, 1));
  EXPECT_THAT(second.get(), HasReason(Reason::kQueueFull));
  LetWriterGo();
  EXPECT_OK(first.get());
}

TEST_F(RegistryTest, ShutdownWritesWhatWaitsAndRefusesTheRest) {
  HoldWriter();
  auto waiting = RegisterLater(Seal(key_, 1, 1));
  LetWriterGo();
  registry_->Shutdown();
  EXPECT_OK(waiting.get());
  EXPECT_THAT(Register(Seal(key_, 1, 1)), HasReason(Reason::kDraining));
}

TEST_F(RegistryTest, PagesGoThroughAllDeksOfAKeyOnce) {
  std::vector<DekId> all;
  for (int i = 0; i < 5; ++i) {
    ASSERT_OK_AND_ASSIGN(Registered made, Register(Seal(key_, 1, 3)));
    all.insert(all.end(), made.ids.begin(), made.ids.end());
  }
  ASSERT_OK(Register(Seal(other_key_, 1, 3)));
  std::sort(all.begin(), all.end());
  for (size_t limit : {1u, 4u, 15u, 100u}) {
    EXPECT_EQ(Listed({}, limit), all) << limit;
  }
  EXPECT_THAT(Listed({2, {}}, 4), IsEmpty());
}

TEST_F(RegistryTest, AFilterWantsAllOfItsLabels) {
  Batch one = Seal(key_, 1, 1);
  one.labels = {{"env", "prod"}, {"team", "a"}};
  Batch two = Seal(key_, 2, 1);
  two.labels = {{"env", "prod"}};
  ASSERT_OK_AND_ASSIGN(Registered first, Register(one));
  ASSERT_OK_AND_ASSIGN(Registered second, Register(two));
  EXPECT_EQ(Listed({.labels = {{"team", "a"}, {"env", "prod"}}}, 1), first.ids);
  EXPECT_THAT(Listed({.labels = {{"env", "prod"}}}, 1), SizeIs(2));
  EXPECT_EQ(Listed({.version = 2, .labels = {{"env", "prod"}}}, 1), second.ids);
  EXPECT_THAT(Listed({.labels = {{"env", "test"}}}, 1), IsEmpty());
}

TEST_F(RegistryTest, RowsThatDoNotBelongTogetherAreCorrupt) {
  const Batch batch = Seal(key_, 1, 1);
  ASSERT_OK_AND_ASSIGN(Registered made, Register(batch));
  const Batch foreign = Seal(key_, 1, 1);
  EXPECT_OK(store_.Update([&](store::Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(auto row, t.deks().GetBatch(batch.id));
    row->header = *foreign.header;
    return t.deks().UpdateBatch(*row);
  }));
  ASSERT_OK_AND_ASSIGN(auto held, registry_->Find(made.ids));
  EXPECT_THAT(held[0].status, HasReason(Reason::kStoreCorrupt));
}

}  // namespace
}  // namespace strongroom::registry
