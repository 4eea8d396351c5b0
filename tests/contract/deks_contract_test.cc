// What every Store promises of registered rows, held against the fake and
// SQLite.
#include "tests/contract/deks_contract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace strongroom::store {
namespace {

using ::strongroom::testing::HasReason;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::Pair;

INSTANTIATE_TEST_SUITE_P(Stores, RowsContract,
                         ::testing::Values("Memory", "Sqlite"),
                         [](const auto& store) { return store.param; });

TEST_P(RowsContract, WhatWasInsertedIsReadBackWhole) {
  const BatchRow batch = Batch(1, 3, 2);
  Add(batch);
  EXPECT_THAT(Get([&](auto& t) { return t.deks().GetBatch(IdOf(1)); }),
              Optional(batch));
  EXPECT_THAT(Get([&](auto& t) {
                return t.deks().GetDek({IdOf(1), 1});
              }),
              Optional(Dek(1, 1)));
  EXPECT_EQ(Get([&](auto& t) {
              return t.deks().GetDek({IdOf(1), 2});
            }),
            std::nullopt);
  EXPECT_EQ(Get([&](auto& t) { return t.deks().GetBatch(IdOf(2)); }),
            std::nullopt);
}

TEST_P(RowsContract, ABatchIdIsInsertedOnceWhateverItsKey) {
  Add(Batch(1));
  BatchRow again = Batch(1);
  EXPECT_THAT(Change([&](auto& t) { return t.deks().InsertBatch(again); }),
              HasReason(Reason::kConflict));
  again.key_id = other_.id;
  EXPECT_THAT(Change([&](auto& t) { return t.deks().InsertBatch(again); }),
              HasReason(Reason::kConflict));
}

TEST_P(RowsContract, AnUpdateMovesABatchButNeverToAnotherKey) {
  Add(Batch(1, 1));
  BatchRow moved = Batch(1, 2);
  moved.header = {9, 9};
  moved.leaves = {};
  ASSERT_OK(Change([&](auto& t) { return t.deks().UpdateBatch(moved); }));
  EXPECT_THAT(Get([&](auto& t) { return t.deks().GetBatch(IdOf(1)); }),
              Optional(moved));
  BatchRow stolen = moved;
  stolen.key_id = other_.id;
  EXPECT_THAT(Change([&](auto& t) { return t.deks().UpdateBatch(stolen); }),
              HasReason(Reason::kConflict));
  EXPECT_THAT(Change([&](auto& t) { return t.deks().UpdateBatch(Batch(7)); }),
              HasReason(Reason::kConflict));
}

TEST_P(RowsContract, ADekNeedsItsBatchAndAnIdOfItsOwn) {
  Add(Batch(1));
  EXPECT_THAT(Change([&](auto& t) { return t.deks().InsertDek(Dek(1, 0)); }),
              HasReason(Reason::kConflict));
  EXPECT_THAT(Change([&](auto& t) { return t.deks().InsertDek(Dek(2, 0)); }),
              HasReason(Reason::kConflict));
}

TEST_P(RowsContract, LabelsAndReferencesAreHeldToTheirRules) {
  Add(Batch(1));
  DekRow row = Dek(1, 1);
  row.labels = {{"Env", "prod"}};
  EXPECT_THAT(Change([&](auto& t) { return t.deks().InsertDek(row); }),
              HasReason(Reason::kArgumentInvalid));
  row = Dek(1, 1);
  row.reference = std::string(kMaxReferenceSize + 1, 'x');
  EXPECT_THAT(Change([&](auto& t) { return t.deks().InsertDek(row); }),
              HasReason(Reason::kArgumentInvalid));
  row.reference = "\xff";
  EXPECT_THAT(Change([&](auto& t) { return t.deks().InsertDek(row); }),
              HasReason(Reason::kArgumentInvalid));
  row.reference = std::string(kMaxReferenceSize, 'x');
  EXPECT_OK(Change([&](auto& t) { return t.deks().InsertDek(row); }));
}

TEST_P(RowsContract, ABatchWithDeksIsNotDeletedAndWithoutThemIs) {
  Add(Batch(1));
  EXPECT_THAT(Change([&](auto& t) { return t.deks().DeleteBatch(IdOf(1)); }),
              HasReason(Reason::kConflict));
  EXPECT_THAT(Change([&](auto& t) {
                return t.deks().DeleteDek({IdOf(1), 5});
              }),
              HasReason(Reason::kDekNotFound));
  EXPECT_OK(Change([&](auto& t) { return t.deks().DeleteDek({IdOf(1), 0}); }));
  EXPECT_OK(Change([&](auto& t) { return t.deks().DeleteBatch(IdOf(1)); }));
  EXPECT_THAT(Change([&](auto& t) { return t.deks().DeleteBatch(IdOf(1)); }),
              HasReason(Reason::kConflict));
}

TEST_P(RowsContract, DeksAreListedInOrderPageByPage) {
  Add(Batch(3, 1, 2));
  Add(Batch(1, 2, 3));
  Add(Batch(2, 1, 1));
  const DekId a0{IdOf(1), 0}, a1{IdOf(1), 1}, a2{IdOf(1), 2};
  const DekId b0{IdOf(2), 0}, c0{IdOf(3), 0}, c1{IdOf(3), 1};
  EXPECT_THAT(Listed(0, std::nullopt, 4), ElementsAre(a0, a1, a2, b0));
  EXPECT_THAT(Listed(0, b0, 4), ElementsAre(c0, c1));
  EXPECT_THAT(Listed(0, a1, 1), ElementsAre(a2));
  EXPECT_THAT(Listed(1, std::nullopt, 9), ElementsAre(b0, c0, c1));
  EXPECT_THAT(Listed(1, c0, 9), ElementsAre(c1));
  EXPECT_THAT(Listed(7, std::nullopt, 9), IsEmpty());
  // Also after what is not there any more.
  EXPECT_THAT(Listed(0, DekId{IdOf(2), 9}, 9), ElementsAre(c0, c1));
}

TEST_P(RowsContract, BatchesOfAVersionAreListedInOrder) {
  Add(Batch(3, 1));
  Add(Batch(1, 2));
  Add(Batch(2, 1));
  const auto list = [&](uint32_t version, std::optional<Uuid> after,
                        size_t limit) {
    std::vector<Uuid> ids;
    for (const BatchRow& row : Get([&](ReadTransaction& t) {
           return t.deks().ListBatches(key_.id, version, after, limit);
         })) {
      ids.push_back(row.batch_id);
    }
    return ids;
  };
  EXPECT_THAT(list(1, std::nullopt, 9), ElementsAre(IdOf(2), IdOf(3)));
  EXPECT_THAT(list(1, std::nullopt, 1), ElementsAre(IdOf(2)));
  EXPECT_THAT(list(1, IdOf(2), 9), ElementsAre(IdOf(3)));
  EXPECT_THAT(list(2, std::nullopt, 9), ElementsAre(IdOf(1)));
}

TEST_P(RowsContract, ATombstoneIsPutOnceAndStays) {
  const TombstoneRow row{{IdOf(1), 4}, key_.id, kNow};
  ASSERT_OK(Change([&](auto& t) { return t.deks().InsertTombstone(row); }));
  EXPECT_THAT(Change([&](auto& t) { return t.deks().InsertTombstone(row); }),
              HasReason(Reason::kConflict));
  EXPECT_THAT(Get([&](auto& t) { return t.deks().GetTombstone(row.id); }),
              Optional(row));
  EXPECT_EQ(Get([&](auto& t) {
              return t.deks().GetTombstone({IdOf(1), 5});
            }),
            std::nullopt);
  EXPECT_THAT(Get([&](auto& t) { return t.deks().AllTombstones(); }),
              ElementsAre(row));
}

TEST_P(RowsContract, ARequestIsRememberedByCallerUntilItIsDropped) {
  const auto row_of = [&](std::string caller, WallTime made) {
    return RegistrationRow{std::move(caller),
                           IdOf(9),
                           key_.id,
                           {{IdOf(1), 0}, {IdOf(2), 65535}},
                           made};
  };
  const RegistrationRow early = row_of("a", kNow);
  const RegistrationRow late = row_of("b", kNow + std::chrono::hours(1));
  ASSERT_OK(Change([&](auto& t) -> Status {
    SR_RETURN_IF_ERROR(t.deks().PutRegistration(late));
    return t.deks().PutRegistration(early);
  }));
  const auto get = [&](std::string_view caller) {
    return Get([&](ReadTransaction& t) {
      return t.deks().GetRegistration(caller, IdOf(9));
    });
  };
  EXPECT_THAT(get("a"), Optional(early));
  EXPECT_THAT(get("b"), Optional(late));
  EXPECT_EQ(get("c"), std::nullopt);
  ASSERT_OK(Change([&](auto& t) {
    return t.deks().DropRegistrations(kNow + std::chrono::hours(2), 1);
  }));
  EXPECT_EQ(get("a"), std::nullopt) << "the oldest goes first";
  EXPECT_THAT(get("b"), Optional(late));
  ASSERT_OK(Change(
      [&](auto& t) { return t.deks().DropRegistrations(late.made, 10); }));
  EXPECT_THAT(get("b"), Optional(late)) << "not older than it";
}

TEST_P(RowsContract, TheCensusIsTheSumOfWhatTheReplicasCount) {
  constexpr int64_t kMany = int64_t{1} << 40;
  const std::vector<CensusDelta> first = {{key_.id, 2, 3, kMany},
                                          {key_.id, 1, 0, 0}};
  const std::vector<CensusDelta> second = {{key_.id, 2, -1, 1 - kMany},
                                           {other_.id, 1, 1, 1}};
  ASSERT_OK(Change([&](auto& t) { return t.dependents().AddCensus(first); }));
  // What one has counted another may take away.
  ASSERT_OK(UpdateAsAnother(
      [&](auto& t) { return t.dependents().AddCensus(second); }));
  EXPECT_THAT(
      Get([&](auto& t) { return t.dependents().CensusOf(key_.id); }),
      ElementsAre(CensusRow{key_.id, 1, 0, 0}, CensusRow{key_.id, 2, 2, 1}));
  EXPECT_THAT(Get([&](auto& t) { return t.dependents().CensusOf(other_.id); }),
              ElementsAre(CensusRow{other_.id, 1, 1, 1}));
}

// One that reads what others count would be run again and again.
TEST_P(RowsContract, ThoseWhoRegisterBesideAJobAreSeldomRunTwice) {
  constexpr int kWriters = 3, kEach = 40;
  std::atomic<int> runs = 0, updates = 0;
  const auto count = [&](const CensusDelta& delta, const BatchRow& batch) {
    ++updates;
    EXPECT_OK(store_->Update([&](Transaction& t) -> Status {
      ++runs;
      SR_RETURN_IF_ERROR(t.VersionsOf(key_.id).status());
      SR_RETURN_IF_ERROR(t.deks().InsertBatch(batch));
      return t.dependents().AddCensus({&delta, 1});
    }));
  };
  std::vector<std::thread> threads;
  for (int writer = 0; writer <= kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      for (int i = 0; i < kEach; ++i) {
        BatchRow batch = Batch(0);
        batch.batch_id = Uuid::Random();
        // The last is a job: it takes from one version, and adds to another.
        const uint32_t version = writer == kWriters ? 2 : 1;
        count({key_.id, version, 1, 1}, batch);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(updates, (kWriters + 1) * kEach);
  EXPECT_LE(runs, updates * 1.05);
  EXPECT_THAT(
      Get([&](auto& t) { return t.dependents().CensusOf(key_.id); }),
      ElementsAre(CensusRow{key_.id, 1, kWriters * kEach, kWriters * kEach},
                  CensusRow{key_.id, 2, kEach, kEach}));
}

TEST_P(RowsContract, ACensusBelowZeroIsFoundByThoseWhoReadIt) {
  const CensusDelta delta{key_.id, 1, 0, -1};
  ASSERT_OK(Change([&](auto& t) {
    return t.dependents().AddCensus({&delta, 1});
  })) << "those who count do not look";
  EXPECT_THAT(store_->Read([&](ReadTransaction& t) {
    return t.dependents().CensusOf(key_.id).status();
  }),
              HasReason(Reason::kStoreCorrupt));
}

TEST_P(RowsContract, ATombstoneIsAChange) {
  const auto seq = [&] { return Get([](auto& t) { return t.ChangeSeq(); }); };
  const uint64_t before = seq();
  ASSERT_OK(Change([&](auto& t) {
    return t.deks().InsertTombstone({{IdOf(1), 4}, key_.id, kNow});
  }));
  EXPECT_EQ(seq(), before + 1);
  EXPECT_EQ(store_->Watermark(), before + 1);
}

TEST_P(RowsContract, AFailedChangeLeavesNoneOfItsRows) {
  EXPECT_THAT(Change([&](Transaction& t) -> Status {
                SR_RETURN_IF_ERROR(t.deks().InsertBatch(Batch(1)));
                SR_RETURN_IF_ERROR(t.deks().InsertDek(Dek(1, 0)));
                return t.deks().InsertDek(Dek(1, 0));
              }),
              HasReason(Reason::kConflict));
  EXPECT_EQ(Get([&](auto& t) { return t.deks().GetBatch(IdOf(1)); }),
            std::nullopt);
}

TEST_P(RowsContract, LeavesComeInTheOrderOfTheirIndicesAndOfOneBatch) {
  ASSERT_OK(store_->Update([&](Transaction& t) -> Status {
    for (uint8_t batch : {1, 2}) {
      SR_RETURN_IF_ERROR(t.deks().InsertBatch({.batch_id = IdOf(batch),
                                               .key_id = key_.id,
                                               .version = 1,
                                               .header = {batch},
                                               .deks = 3}));
      for (uint32_t index : {300u, 2u, 10u}) {
        DekRow dek;
        dek.id = {IdOf(batch), index};
        dek.leaf = {batch, static_cast<uint8_t>(index)};
        SR_RETURN_IF_ERROR(t.deks().InsertDek(dek));
      }
    }
    return OkStatus();
  }));
  ASSERT_OK(store_->Read([&](ReadTransaction& t) -> Status {
    std::vector<std::pair<uint32_t, Bytes>> leaves;
    const auto keep = [&](const DekId& id, ByteView leaf) {
      leaves.emplace_back(id.index, Bytes(leaf.begin(), leaf.end()));
    };
    const Uuid one[] = {IdOf(2)}, none[] = {IdOf(3)};
    SR_RETURN_IF_ERROR(t.deks().VisitLeaves(one, keep));
    EXPECT_THAT(leaves,
                ElementsAre(Pair(2, Bytes{2, 2}), Pair(10, Bytes{2, 10}),
                            Pair(300, Bytes{2, 44})));
    leaves.clear();
    SR_RETURN_IF_ERROR(t.deks().VisitLeaves(none, keep));
    EXPECT_THAT(leaves, IsEmpty());
    return OkStatus();
  }));
}

TEST_P(RowsContract, AKeysRegistrationRuleIsKept) {
  for (RegistrationRule rule :
       {RegistrationRule::kRequired, RegistrationRule::kOff,
        RegistrationRule::kOptional}) {
    key_.registration = rule;
    ASSERT_OK(store_->Update([&](auto& t) { return t.UpdateKey(key_); }));
    ASSERT_OK(store_->Read([&](ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(auto row, t.GetKey(key_.id));
      EXPECT_EQ(row->registration, rule);
      return OkStatus();
    }));
  }
}

}  // namespace
}  // namespace strongroom::store
