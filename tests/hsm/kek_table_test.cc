#include "hsm/pkcs11/kek_table.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

namespace strongroom::hsm {
namespace {

class KekTableTest : public ::testing::Test {
 protected:
  void Adopt() { table_.Adopt({id_, {Bytes{1}, Bytes{2}}}); }
  KekTable::Entry Now() { return table_.Get(id_); }

  const Uuid id_ = Uuid::Random();
  KekTable table_;
};

TEST_F(KekTableTest, AnUnknownKekHasNothing) {
  const KekTable::Entry entry = table_.Get(id_);
  EXPECT_FALSE(entry.handle.has_value());
  EXPECT_EQ(entry.known_answer, nullptr);
  EXPECT_FALSE(entry.proved);
  EXPECT_FALSE(entry.refuted);
  EXPECT_FALSE(entry.forgotten);
}

TEST_F(KekTableTest, AProofHoldsForItsHandleAlone) {
  Adopt();
  table_.SetHandle(id_, 7, Now());
  table_.MarkProved(id_, 7, Now());
  EXPECT_TRUE(table_.Get(id_).proved);
  table_.SetHandle(id_, 7, Now());
  EXPECT_TRUE(table_.Get(id_).proved);
  table_.SetHandle(id_, 8, Now());
  EXPECT_FALSE(table_.Get(id_).proved);
}

TEST_F(KekTableTest, AProofMadeWithAReplacedKnownAnswerDoesNotCount) {
  Adopt();
  const KekTable::Entry old = Now();
  Adopt();
  table_.MarkProved(id_, 7, old);
  EXPECT_FALSE(table_.Get(id_).proved);
  table_.MarkRefuted(id_, old);
  EXPECT_FALSE(table_.Get(id_).refuted);
}

TEST_F(KekTableTest, AdoptingAgainAsksForANewProof) {
  Adopt();
  table_.MarkProved(id_, 7, Now());
  Adopt();
  EXPECT_FALSE(table_.Get(id_).proved);
  EXPECT_EQ(table_.Get(id_).handle, 7ul);
  table_.MarkRefuted(id_, Now());
  EXPECT_TRUE(table_.Get(id_).refuted);
  Adopt();
  EXPECT_FALSE(table_.Get(id_).refuted);
}

TEST_F(KekTableTest, ANewEnumerationProvesNothingAndForgetsWhatIsGone) {
  const Uuid gone = Uuid::Random();
  Adopt();
  table_.MarkProved(id_, 7, Now());
  table_.SetHandle(gone, 9, Now());
  table_.ReplaceHandles({{id_, 7}});
  EXPECT_EQ(table_.Get(id_).handle, 7ul);
  EXPECT_FALSE(table_.Get(id_).proved);
  EXPECT_NE(Now().known_answer, nullptr);
  EXPECT_FALSE(table_.Get(gone).handle.has_value());
}

TEST_F(KekTableTest, OnlyTheHandleThatIsDeadIsDropped) {
  table_.SetHandle(id_, 8, Now());
  table_.DropHandle(id_, 7);
  EXPECT_EQ(table_.Get(id_).handle, 8ul);
  table_.DropHandle(id_, 8);
  EXPECT_FALSE(table_.Get(id_).handle.has_value());
}

TEST_F(KekTableTest, DoubtAsksForANewProof) {
  Adopt();
  table_.MarkProved(id_, 7, Now());
  table_.Doubt(id_);
  EXPECT_FALSE(table_.Get(id_).proved);
  table_.MarkRefuted(id_, Now());
  table_.Doubt(id_);
  EXPECT_FALSE(table_.Get(id_).refuted);
}

TEST_F(KekTableTest, WhatWasFoundOutBeforeTheDoubtOfAllDoesNotCount) {
  Adopt();
  table_.MarkProved(id_, 7, Now());
  const KekTable::Entry old = Now();
  table_.DoubtAll();
  EXPECT_FALSE(Now().proved);
  EXPECT_EQ(Now().handle, 7ul);
  table_.MarkProved(id_, 7, old);
  EXPECT_FALSE(Now().proved);
  table_.MarkRefuted(id_, old);
  EXPECT_FALSE(Now().refuted);
  table_.MarkMissing(id_, old);
  EXPECT_FALSE(Now().missing);
  table_.SetHandle(id_, 9, old);
  EXPECT_EQ(Now().handle, 7ul);
}

TEST_F(KekTableTest, AHandleThatNothingCanProveIsDroppedInDoubt) {
  table_.Created(id_, 7);
  table_.DoubtAll();
  EXPECT_FALSE(Now().handle.has_value());
}

TEST_F(KekTableTest, TheCensusCountsAdoptedKeksAndThoseThatAreMissing) {
  table_.Created(Uuid::Random(), 5);  // not adopted
  table_.MarkMissing(id_, Now());     // not known
  EXPECT_EQ(table_.Census().adopted, 0u);
  EXPECT_EQ(table_.Census().missing, 0u);
  Adopt();
  table_.MarkMissing(id_, Now());
  EXPECT_EQ(table_.Census().adopted, 1u);
  EXPECT_EQ(table_.Census().missing, 1u);
  // To doubt is not to know better.
  table_.DoubtAll();
  table_.Doubt(id_);
  EXPECT_EQ(table_.Census().missing, 1u);
  table_.MarkProved(id_, 7, Now());
  EXPECT_EQ(table_.Census().missing, 0u);
  table_.MarkRefuted(id_, Now());
  EXPECT_EQ(table_.Census().missing, 1u);
  table_.Forget(id_);
  EXPECT_EQ(table_.Census().adopted, 0u);
  EXPECT_EQ(table_.Census().missing, 0u);
}

TEST_F(KekTableTest, ProbesGoRoundTheAdoptedKeks) {
  EXPECT_EQ(table_.NextToProbe(), std::nullopt);
  table_.Created(Uuid::Random(), 5);
  EXPECT_EQ(table_.NextToProbe(), std::nullopt);
  std::set<Uuid> all;
  for (int i = 0; i < 3; ++i) all.insert(Uuid::Random());
  for (const Uuid& id : all) table_.Adopt({id, {Bytes{1}, Bytes{2}}});
  for (int round = 0; round < 2; ++round) {
    std::set<Uuid> probed;
    for (int i = 0; i < 3; ++i) probed.insert(*table_.NextToProbe());
    EXPECT_EQ(probed, all);
  }
}

TEST_F(KekTableTest, AForgottenKekStaysSoUntilAdoptedOrMadeAgain) {
  Adopt();
  table_.SetHandle(id_, 7, Now());
  table_.Forget(id_);
  EXPECT_TRUE(table_.Get(id_).forgotten);
  EXPECT_FALSE(table_.Get(id_).handle.has_value());
  EXPECT_EQ(Now().known_answer, nullptr);
  table_.ReplaceHandles({{id_, 7}});
  EXPECT_TRUE(table_.Get(id_).forgotten);
  Adopt();
  EXPECT_FALSE(table_.Get(id_).forgotten);
  table_.Forget(id_);
  table_.Created(id_, 9);
  EXPECT_FALSE(table_.Get(id_).forgotten);
}

TEST_F(KekTableTest, MarksForADestroyedKekDoNotBringItBack) {
  Adopt();
  const KekTable::Entry old = Now();
  table_.Destroyed(id_);
  table_.MarkProved(id_, 7, old);
  table_.MarkRefuted(id_, old);
  table_.DropHandle(id_, 7);
  table_.Doubt(id_);
  EXPECT_FALSE(table_.Get(id_).handle.has_value());
  EXPECT_FALSE(table_.Get(id_).proved);
}

}  // namespace
}  // namespace strongroom::hsm
