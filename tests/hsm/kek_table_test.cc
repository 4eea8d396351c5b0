#include "hsm/pkcs11/kek_table.h"

#include <gtest/gtest.h>

namespace strongroom::hsm {
namespace {

class KekTableTest : public ::testing::Test {
 protected:
  void Adopt() { table_.Adopt({id_, {Bytes{1}, Bytes{2}}}); }
  const KnownAnswer* Answer() { return table_.Get(id_).known_answer.get(); }

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
  table_.SetHandle(id_, 7);
  table_.MarkProved(id_, 7, Answer());
  EXPECT_TRUE(table_.Get(id_).proved);
  table_.SetHandle(id_, 7);
  EXPECT_TRUE(table_.Get(id_).proved);
  table_.SetHandle(id_, 8);
  EXPECT_FALSE(table_.Get(id_).proved);
}

TEST_F(KekTableTest, AProofMadeWithAReplacedKnownAnswerDoesNotCount) {
  Adopt();
  const auto old_answer = table_.Get(id_).known_answer;
  Adopt();
  table_.MarkProved(id_, 7, old_answer.get());
  EXPECT_FALSE(table_.Get(id_).proved);
  table_.MarkRefuted(id_, old_answer.get());
  EXPECT_FALSE(table_.Get(id_).refuted);
}

TEST_F(KekTableTest, AdoptingAgainAsksForANewProof) {
  Adopt();
  table_.MarkProved(id_, 7, Answer());
  Adopt();
  EXPECT_FALSE(table_.Get(id_).proved);
  EXPECT_EQ(table_.Get(id_).handle, 7ul);
  table_.MarkRefuted(id_, Answer());
  EXPECT_TRUE(table_.Get(id_).refuted);
  Adopt();
  EXPECT_FALSE(table_.Get(id_).refuted);
}

TEST_F(KekTableTest, ANewEnumerationProvesNothingAndForgetsWhatIsGone) {
  const Uuid gone = Uuid::Random();
  Adopt();
  table_.MarkProved(id_, 7, Answer());
  table_.SetHandle(gone, 9);
  table_.ReplaceHandles({{id_, 7}});
  EXPECT_EQ(table_.Get(id_).handle, 7ul);
  EXPECT_FALSE(table_.Get(id_).proved);
  EXPECT_NE(Answer(), nullptr);
  EXPECT_FALSE(table_.Get(gone).handle.has_value());
}

TEST_F(KekTableTest, OnlyTheHandleThatIsDeadIsDropped) {
  table_.SetHandle(id_, 8);
  table_.DropHandle(id_, 7);
  EXPECT_EQ(table_.Get(id_).handle, 8ul);
  table_.DropHandle(id_, 8);
  EXPECT_FALSE(table_.Get(id_).handle.has_value());
}

TEST_F(KekTableTest, DoubtAsksForANewProof) {
  Adopt();
  table_.MarkProved(id_, 7, Answer());
  table_.Doubt(id_);
  EXPECT_FALSE(table_.Get(id_).proved);
  table_.MarkRefuted(id_, Answer());
  table_.Doubt(id_);
  EXPECT_FALSE(table_.Get(id_).refuted);
}

TEST_F(KekTableTest, AForgottenKekStaysSoUntilAdoptedOrMadeAgain) {
  Adopt();
  table_.SetHandle(id_, 7);
  table_.Forget(id_);
  EXPECT_TRUE(table_.Get(id_).forgotten);
  EXPECT_FALSE(table_.Get(id_).handle.has_value());
  EXPECT_EQ(Answer(), nullptr);
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
  const auto answer = table_.Get(id_).known_answer;
  table_.Destroyed(id_);
  table_.MarkProved(id_, 7, answer.get());
  table_.MarkRefuted(id_, answer.get());
  table_.DropHandle(id_, 7);
  table_.Doubt(id_);
  EXPECT_FALSE(table_.Get(id_).handle.has_value());
  EXPECT_FALSE(table_.Get(id_).proved);
}

}  // namespace
}  // namespace strongroom::hsm
