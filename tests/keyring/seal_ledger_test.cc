// The ledger of seals: an upper bound under every circumstance.
#include "keyring/seal_ledger.h"

#include <thread>

#include "tests/keyring/keyring_rig.h"

namespace strongroom::keyring {
namespace {

using ::testing::HasSubstr;

class SealLedgerTest : public ::testing::Test {
 protected:
  SealLedgerTest() {
    rig_.Start();
    id_ = rig_.Create("a")->id;
  }
  uint64_t Reserved(uint32_t version = 1) {
    for (const store::VersionRow& row : rig_.VersionRows()) {
      if (row.version == version) return row.seals_reserved;
    }
    return 0;
  }
  void SetReserved(uint64_t reserved) {
    rig_.EditVersion(id_, 1, [&](store::VersionRow* row) {
      row->seals_reserved = reserved;
    });
    rig_.Start();
  }
  Keyring& keyring() { return *rig_.keyring_; }

  KeyringRig rig_;
  Uuid id_;
};

TEST_F(SealLedgerTest, TheKnownAnswerIsTheFirstSeal) {
  EXPECT_EQ(keyring().SealsCounted(id_, 1), 1u);
  EXPECT_EQ(rig_.device_->count(FakeOperation::kSeal), 1u);
}

TEST_F(SealLedgerTest, AKnownAnswerThatWasLostIsCountedBesideTheNextOne) {
  rig_.device_->LoseNextSeal(hsm::SealLoss::kSession);
  rig_.device_->LoseNextSeal(hsm::SealLoss::kHandle);
  const Uuid id = rig_.Create("b")->id;
  EXPECT_EQ(keyring().SealsCounted(id, 1), 3u);
  EXPECT_EQ(rig_.device_->count(FakeOperation::kSeal), 1u + 3u);
}

TEST_F(SealLedgerTest, AKnownAnswerIsNotSealedBeyondTheReservation) {
  rig_.ledger_block_ = 1;
  rig_.Start();
  rig_.device_->LoseNextSeal(hsm::SealLoss::kSession);
  EXPECT_THAT(keyring().CreateKey(Named("b")),
              HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(rig_.device_->count(FakeOperation::kSeal), 1u);
  EXPECT_EQ(keyring().Current()->FindByName("b"), nullptr);
  EXPECT_OK(keyring().CreateKey(Named("b")));
}

TEST_F(SealLedgerTest, AKnownAnswerLostTwiceInTheSameWayEndsTheCreation) {
  rig_.device_->LoseNextSeal(hsm::SealLoss::kSession, 2);
  EXPECT_THAT(keyring().CreateKey(Named("b")),
              HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(rig_.device_->count(FakeOperation::kSeal), 1u + 2u);
}

TEST_F(SealLedgerTest, SealsAreReservedBeforeTheyAreUsed) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(keyring().ForSeal(id_));
    EXPECT_EQ(keyring().SealsCounted(id_, 1), static_cast<uint64_t>(i) + 2);
    EXPECT_GE(Reserved(), keyring().SealsCounted(id_, 1));
    EXPECT_LE(Reserved(), keyring().SealsCounted(id_, 1) + rig_.ledger_block_);
  }
}

TEST_F(SealLedgerTest, ABlockCostsOneTransaction) {
  const int before = rig_.store_.updates();
  for (int i = 0; i < 160; ++i) ASSERT_OK(keyring().ForSeal(id_));
  EXPECT_EQ(rig_.store_.updates() - before, 10);
}

TEST_F(SealLedgerTest, ACrashCanOnlyOverCount) {
  for (int i = 0; i < 20; ++i) ASSERT_OK(keyring().ForSeal(id_));
  const uint64_t used = keyring().SealsCounted(id_, 1);
  rig_.Start();
  EXPECT_GE(keyring().SealsCounted(id_, 1), used);
  EXPECT_EQ(keyring().SealsCounted(id_, 1), Reserved());
}

TEST_F(SealLedgerTest, OpensAndRefusalsAreNotCounted) {
  const uint64_t before = keyring().SealsCounted(id_, 1);
  ASSERT_OK(keyring().ForOpen(id_, 1));
  EXPECT_FALSE(keyring().ForOpen(id_, 2).ok());
  EXPECT_FALSE(keyring().ForSeal(Uuid::Random()).ok());
  EXPECT_EQ(keyring().SealsCounted(id_, 1), before);
}

TEST_F(SealLedgerTest, WithoutTheStoreNothingIsSealedBeyondTheReservation) {
  rig_.store_.FailUpdate(1, Error(Reason::kStoreUnavailable, "disk"),
                         MemoryStore::Moment::kBeforeCommit, 1000);
  int sealed = 0;
  while (keyring().ForSeal(id_).ok()) ++sealed;
  EXPECT_EQ(sealed, 15);
  EXPECT_THAT(keyring().ForSeal(id_), HasReason(Reason::kStoreUnavailable));
  EXPECT_EQ(keyring().SealsCounted(id_, 1), Reserved());
  rig_.store_.ClearFaults();
  EXPECT_OK(keyring().ForSeal(id_));
}

TEST_F(SealLedgerTest, AReservationWhoseAnswerIsLostOverCounts) {
  for (int i = 0; i < 15; ++i) ASSERT_OK(keyring().ForSeal(id_));
  rig_.store_.FailUpdate(1, Error(Reason::kStoreUnavailable, "disk"),
                         MemoryStore::Moment::kAfterCommit);
  EXPECT_FALSE(keyring().ForSeal(id_).ok());
  EXPECT_EQ(keyring().SealsCounted(id_, 1), 16u);
  EXPECT_OK(keyring().ForSeal(id_));
  EXPECT_EQ(Reserved(), 48u);
  EXPECT_GE(keyring().SealsCounted(id_, 1), 17u);
}

TEST_F(SealLedgerTest, RunDueReservesAheadOfUse) {
  for (int i = 0; i < 10; ++i) ASSERT_OK(keyring().ForSeal(id_));
  const uint64_t reserved = Reserved();
  keyring().RunDue();
  EXPECT_EQ(Reserved(), reserved + rig_.ledger_block_);
  EXPECT_EQ(keyring().SealsCounted(id_, 1), 11u);
  keyring().RunDue();
  EXPECT_EQ(Reserved(), reserved + rig_.ledger_block_) << "only when low";
  const int before = rig_.store_.updates();
  for (int i = 0; i < 20; ++i) ASSERT_OK(keyring().ForSeal(id_));
  EXPECT_EQ(rig_.store_.updates(), before);
}

TEST_F(SealLedgerTest, AKeyNobodyUsesIsNotReservedFor) {
  rig_.Start();
  const int before = rig_.store_.updates();
  for (int i = 0; i < 5; ++i) keyring().RunDue();
  EXPECT_EQ(rig_.store_.updates(), before);
}

TEST_F(SealLedgerTest, At2To30TheKeyIsRotatedByItself) {
  SetReserved(kRotateAtSeals - 1);
  keyring().RunDue();
  EXPECT_EQ(keyring().Current()->FindById(id_)->primary, 1u);
  ASSERT_OK(keyring().ForSeal(id_));
  EXPECT_EQ(keyring().SealsCounted(id_, 1), kRotateAtSeals);
  EXPECT_OK(keyring().ForSeal(id_)) << "still sealing until it is rotated";
  rig_.RunAllDue();
  EXPECT_EQ(keyring().Current()->FindById(id_)->primary, 2u);
  EXPECT_EQ(keyring().SealsCounted(id_, 2), 1u);
  rig_.RunAllDue();
  EXPECT_EQ(keyring().Current()->FindById(id_)->primary, 2u) << "once";
}

TEST_F(SealLedgerTest, At2To31SealsAreRefusedUntilTheKeyIsRotated) {
  SetReserved(kRefuseAtSeals - 2);
  ASSERT_OK(keyring().ForSeal(id_));
  ASSERT_OK(keyring().ForSeal(id_));
  EXPECT_EQ(Reserved(), kRefuseAtSeals) << "the last block is cut";
  EXPECT_THAT(keyring().ForSeal(id_),
              HasReason(Reason::kSealLimitReached, HasSubstr("rotate")));
  EXPECT_EQ(keyring().SealsCounted(id_, 1), kRefuseAtSeals);
  EXPECT_OK(keyring().ForOpen(id_, 1));
  EXPECT_OK(keyring().Primary(id_));
  rig_.RunAllDue();
  ASSERT_OK_AND_ASSIGN(auto kek, keyring().ForSeal(id_));
  EXPECT_EQ(kek.version, 2u);
}

TEST_F(SealLedgerTest, ARefusedSealCostsNoTransaction) {
  SetReserved(kRefuseAtSeals);
  const int before = rig_.store_.updates();
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(keyring().ForSeal(id_), HasReason(Reason::kSealLimitReached));
  }
  EXPECT_EQ(rig_.store_.updates(), before);
}

TEST_F(SealLedgerTest, ARestartAtTheLimitStaysAtTheLimit) {
  SetReserved(kRefuseAtSeals + 5);
  EXPECT_THAT(keyring().ForSeal(id_), HasReason(Reason::kSealLimitReached));
}

TEST_F(SealLedgerTest, ConcurrentSealsAreEachCountedOnce) {
  constexpr int kThreads = 4, kEach = 500;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) EXPECT_OK(keyring().ForSeal(id_));
    });
  }
  for (int i = 0; i < 20; ++i) keyring().RunDue();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(keyring().SealsCounted(id_, 1), uint64_t{kThreads * kEach + 1});
  EXPECT_GE(Reserved(), uint64_t{kThreads * kEach + 1});
}

TEST_F(SealLedgerTest,
       RotationsAmongSealsNeverNameAVersionThatWasNeverPrimary) {
  std::atomic<bool> stop{false};
  std::thread sealer([&] {
    uint32_t last = 1;
    while (!stop) {
      auto kek = keyring().ForSeal(id_);
      ASSERT_OK(kek);
      EXPECT_GE(kek->version, last);
      last = kek->version;
    }
  });
  for (int i = 0; i < 20; ++i) rig_.Rotate(id_);
  stop = true;
  sealer.join();
  EXPECT_EQ(keyring().ForSeal(id_)->version, 21u);
}

}  // namespace
}  // namespace strongroom::keyring
