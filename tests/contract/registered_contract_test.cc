// What every Store promises of registered rows, held against the fake and
// SQLite.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "strongroom/store/store.h"
#include "tests/testing/memory_store.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::store {
namespace {

using ::strongroom::testing::HasReason;
using ::strongroom::testing::MemoryStore;
using ::strongroom::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::Optional;

constexpr WallTime kNow{std::chrono::seconds(1738310400)};

std::unique_ptr<Store> MakeStore(const std::string& kind, const TempDir& dir) {
  if (kind == "Memory") return std::make_unique<MemoryStore>();
  auto store = OpenSqliteStore({.path = dir.File("store.db")});
  EXPECT_OK(store);
  return store.ok() ? *std::move(store) : nullptr;
}

Uuid IdOf(uint8_t first) {
  std::array<uint8_t, Uuid::kSize> bytes{};
  bytes[0] = first;
  return Uuid(bytes);
}

class RegisteredContract : public ::testing::TestWithParam<const char*> {
 protected:
  RegisteredContract() : store_(MakeStore(GetParam(), dir_)) {
    key_.name = "payments/cards";
    key_.id = IdOf(0xaa);
    other_.name = "other";
    other_.id = IdOf(0xbb);
    EXPECT_OK(store_->Update([&](Transaction& t) -> Status {
      SR_RETURN_IF_ERROR(t.InsertKey(key_));
      return t.InsertKey(other_);
    }));
  }

  Status Change(const std::function<Status(RegisteredWrites&)>& change) {
    return store_->Update(
        [&](Transaction& t) { return change(t.registered()); });
  }
  template <typename Read>
  auto Get(Read read) {
    decltype(read(std::declval<RegisteredReads&>())) result =
        Error(Reason::kInternal, "not read");
    EXPECT_OK(store_->Read([&](ReadTransaction& t) {
      result = read(t.registered());
      return result.status();
    }));
    return *std::move(result);
  }
  BatchRow Batch(uint8_t id, uint32_t version = 1, uint32_t deks = 1) {
    return {IdOf(id), key_.id, version, Bytes{id, 1, 2}, deks, Bytes{id, 3}};
  }
  DekRow Dek(uint8_t batch, uint32_t index) {
    return {.id = {IdOf(batch), index},
            .leaf = Bytes{batch, static_cast<uint8_t>(index)},
            .labels = {{"env", "prod"}},
            .reference = "vol-" + std::to_string(index),
            .created = kNow};
  }
  void Add(const BatchRow& batch) {
    ASSERT_OK(Change([&](RegisteredWrites& rows) -> Status {
      SR_RETURN_IF_ERROR(rows.InsertBatch(batch));
      for (uint32_t i = 0; i < batch.deks; ++i) {
        SR_RETURN_IF_ERROR(rows.InsertDek(Dek(batch.batch_id.array()[0], i)));
      }
      return OkStatus();
    }));
  }
  std::vector<DekId> Listed(uint32_t version, std::optional<DekId> after,
                            size_t limit) {
    std::vector<DekId> ids;
    for (const ListedDek& listed : Get([&](RegisteredReads& rows) {
           return rows.ListDeks(key_.id, version, after, limit);
         })) {
      EXPECT_THAT(listed.dek.leaf, IsEmpty());
      ids.push_back(listed.dek.id);
    }
    return ids;
  }

  TempDir dir_;
  std::unique_ptr<Store> store_;
  KeyRow key_;
  KeyRow other_;
};

INSTANTIATE_TEST_SUITE_P(Stores, RegisteredContract,
                         ::testing::Values("Memory", "Sqlite"),
                         [](const auto& store) { return store.param; });

TEST_P(RegisteredContract, WhatWasInsertedIsReadBackWhole) {
  const BatchRow batch = Batch(1, 3, 2);
  Add(batch);
  EXPECT_THAT(Get([&](auto& rows) { return rows.GetBatch(IdOf(1)); }),
              Optional(batch));
  EXPECT_THAT(Get([&](auto& rows) {
                return rows.GetDek({IdOf(1), 1});
              }),
              Optional(Dek(1, 1)));
  EXPECT_EQ(Get([&](auto& rows) {
              return rows.GetDek({IdOf(1), 2});
            }),
            std::nullopt);
  EXPECT_EQ(Get([&](auto& rows) { return rows.GetBatch(IdOf(2)); }),
            std::nullopt);
}

TEST_P(RegisteredContract, ABatchIdIsInsertedOnceWhateverItsKey) {
  Add(Batch(1));
  BatchRow again = Batch(1);
  EXPECT_THAT(Change([&](auto& rows) { return rows.InsertBatch(again); }),
              HasReason(Reason::kConflict));
  again.key_id = other_.id;
  EXPECT_THAT(Change([&](auto& rows) { return rows.InsertBatch(again); }),
              HasReason(Reason::kConflict));
}

TEST_P(RegisteredContract, AnUpdateMovesABatchButNeverToAnotherKey) {
  Add(Batch(1, 1));
  BatchRow moved = Batch(1, 2);
  moved.header = {9, 9};
  moved.leaves = {};
  ASSERT_OK(Change([&](auto& rows) { return rows.UpdateBatch(moved); }));
  EXPECT_THAT(Get([&](auto& rows) { return rows.GetBatch(IdOf(1)); }),
              Optional(moved));
  BatchRow stolen = moved;
  stolen.key_id = other_.id;
  EXPECT_THAT(Change([&](auto& rows) { return rows.UpdateBatch(stolen); }),
              HasReason(Reason::kConflict));
  EXPECT_THAT(Change([&](auto& rows) { return rows.UpdateBatch(Batch(7)); }),
              HasReason(Reason::kConflict));
}

TEST_P(RegisteredContract, ADekNeedsItsBatchAndAnIdOfItsOwn) {
  Add(Batch(1));
  EXPECT_THAT(Change([&](auto& rows) { return rows.InsertDek(Dek(1, 0)); }),
              HasReason(Reason::kConflict));
  EXPECT_THAT(Change([&](auto& rows) { return rows.InsertDek(Dek(2, 0)); }),
              HasReason(Reason::kConflict));
}

TEST_P(RegisteredContract, LabelsAndReferencesAreHeldToTheirRules) {
  Add(Batch(1));
  DekRow row = Dek(1, 1);
  row.labels = {{"Env", "prod"}};
  EXPECT_THAT(Change([&](auto& rows) { return rows.InsertDek(row); }),
              HasReason(Reason::kArgumentInvalid));
  row = Dek(1, 1);
  row.reference = std::string(kMaxReferenceSize + 1, 'x');
  EXPECT_THAT(Change([&](auto& rows) { return rows.InsertDek(row); }),
              HasReason(Reason::kArgumentInvalid));
  row.reference = "\xff";
  EXPECT_THAT(Change([&](auto& rows) { return rows.InsertDek(row); }),
              HasReason(Reason::kArgumentInvalid));
  row.reference = std::string(kMaxReferenceSize, 'x');
  EXPECT_OK(Change([&](auto& rows) { return rows.InsertDek(row); }));
}

TEST_P(RegisteredContract, ABatchWithDeksIsNotDeletedAndWithoutThemIs) {
  Add(Batch(1));
  EXPECT_THAT(Change([&](auto& rows) { return rows.DeleteBatch(IdOf(1)); }),
              HasReason(Reason::kConflict));
  EXPECT_THAT(Change([&](auto& rows) {
                return rows.DeleteDek({IdOf(1), 5});
              }),
              HasReason(Reason::kDekNotFound));
  EXPECT_OK(Change([&](auto& rows) { return rows.DeleteDek({IdOf(1), 0}); }));
  EXPECT_OK(Change([&](auto& rows) { return rows.DeleteBatch(IdOf(1)); }));
  EXPECT_THAT(Change([&](auto& rows) { return rows.DeleteBatch(IdOf(1)); }),
              HasReason(Reason::kConflict));
}

TEST_P(RegisteredContract, DeksAreListedInOrderPageByPage) {
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

TEST_P(RegisteredContract, BatchesOfAVersionAreListedInOrder) {
  Add(Batch(3, 1));
  Add(Batch(1, 2));
  Add(Batch(2, 1));
  const auto list = [&](uint32_t version, std::optional<Uuid> after,
                        size_t limit) {
    std::vector<Uuid> ids;
    for (const BatchRow& row : Get([&](RegisteredReads& rows) {
           return rows.ListBatches(key_.id, version, after, limit);
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

TEST_P(RegisteredContract, ATombstoneIsPutOnceAndStays) {
  const TombstoneRow row{{IdOf(1), 4}, key_.id, kNow};
  ASSERT_OK(Change([&](auto& rows) { return rows.InsertTombstone(row); }));
  EXPECT_THAT(Change([&](auto& rows) { return rows.InsertTombstone(row); }),
              HasReason(Reason::kConflict));
  EXPECT_THAT(Get([&](auto& rows) { return rows.GetTombstone(row.id); }),
              Optional(row));
  EXPECT_EQ(Get([&](auto& rows) {
              return rows.GetTombstone({IdOf(1), 5});
            }),
            std::nullopt);
  EXPECT_THAT(Get([&](auto& rows) { return rows.AllTombstones(); }),
              ElementsAre(row));
}

TEST_P(RegisteredContract, ARequestIsRememberedByCallerUntilItIsDropped) {
  const auto row_of = [&](std::string caller, WallTime made) {
    return RegistrationRow{std::move(caller),
                           IdOf(9),
                           key_.id,
                           {{IdOf(1), 0}, {IdOf(2), 65535}},
                           made};
  };
  const RegistrationRow early = row_of("a", kNow);
  const RegistrationRow late = row_of("b", kNow + std::chrono::hours(1));
  ASSERT_OK(Change([&](auto& rows) -> Status {
    SR_RETURN_IF_ERROR(rows.PutRegistration(late));
    return rows.PutRegistration(early);
  }));
  const auto get = [&](std::string_view caller) {
    return Get([&](RegisteredReads& rows) {
      return rows.GetRegistration(caller, IdOf(9));
    });
  };
  EXPECT_THAT(get("a"), Optional(early));
  EXPECT_THAT(get("b"), Optional(late));
  EXPECT_EQ(get("c"), std::nullopt);
  ASSERT_OK(Change([&](auto& rows) {
    return rows.DropRegistrations(kNow + std::chrono::hours(2), 1);
  }));
  EXPECT_EQ(get("a"), std::nullopt) << "the oldest goes first";
  EXPECT_THAT(get("b"), Optional(late));
  ASSERT_OK(Change(
      [&](auto& rows) { return rows.DropRegistrations(late.made, 10); }));
  EXPECT_THAT(get("b"), Optional(late)) << "not older than it";
}

TEST_P(RegisteredContract, TheCensusIsKeptByVersion) {
  CensusRow row{.key_id = key_.id,
                .version = 2,
                .batches = 3,
                .deks = uint64_t{1} << 40,
                .closed = true};
  CensusRow first;
  first.key_id = key_.id;
  first.version = 1;
  ASSERT_OK(Change([&](auto& rows) -> Status {
    SR_RETURN_IF_ERROR(rows.PutCensus(row));
    return rows.PutCensus(first);
  }));
  row.deks = 1;
  ASSERT_OK(Change([&](auto& rows) { return rows.PutCensus(row); }));
  EXPECT_THAT(Get([&](auto& rows) { return rows.CensusOf(key_.id); }),
              ElementsAre(first, row));
  EXPECT_THAT(Get([&](auto& rows) { return rows.CensusOf(other_.id); }),
              IsEmpty());
}

TEST_P(RegisteredContract, JobsAreKeptWithTheirFailures) {
  JobRow job{.id = IdOf(1),
             .key_id = key_.id,
             .state = JobState::kRunning,
             .from = {1, 0x7fffffff},
             .batches_per_second = 7,
             .created_by = "cn:root",
             .created = kNow,
             .updated = kNow + std::chrono::seconds(1),
             .finished = kNow + std::chrono::seconds(2),
             .batches_total = 1,
             .deks_total = uint64_t{1} << 40,
             .batches_moved = 3,
             .deks_moved = 4,
             .failures = 5,
             .waits_for = "the token"};
  JobRow done = job;
  done.id = IdOf(2);
  done.state = JobState::kDone;
  done.created = kNow + std::chrono::seconds(9);
  ASSERT_OK(Change([&](auto& rows) -> Status {
    SR_RETURN_IF_ERROR(rows.PutJob(job));
    return rows.PutJob(done);
  }));
  const JobFailureRow failure{IdOf(1), IdOf(8), "NOT_AUTHENTIC", "why"};
  ASSERT_OK(Change([&](auto& rows) { return rows.InsertJobFailure(failure); }));
  EXPECT_THAT(
      Change([&](auto& rows) { return rows.InsertJobFailure(failure); }),
      HasReason(Reason::kConflict));
  job.state = JobState::kPaused;
  job.batches_moved = 30;
  ASSERT_OK(Change([&](auto& rows) { return rows.PutJob(job); }));

  EXPECT_THAT(Get([&](auto& rows) { return rows.GetJob(job.id); }),
              Optional(job));
  EXPECT_EQ(Get([&](auto& rows) { return rows.GetJob(IdOf(3)); }),
            std::nullopt);
  EXPECT_THAT(Get([&](auto& rows) { return rows.JobsOf(key_.id, 9); }),
              ElementsAre(done, job));
  EXPECT_THAT(Get([&](auto& rows) { return rows.JobsOf(key_.id, 1); }),
              ElementsAre(done));
  EXPECT_THAT(Get([&](auto& rows) { return rows.JobsOf(other_.id, 9); }),
              IsEmpty());
  EXPECT_THAT(Get([&](auto& rows) { return rows.OpenJobs(); }),
              ElementsAre(job));
  EXPECT_THAT(Get([&](auto& rows) { return rows.JobFailures(job.id, 9); }),
              ElementsAre(failure));
  EXPECT_TRUE(Get([&](auto& rows) { return rows.HasFailed(job.id, IdOf(8)); }));
  EXPECT_FALSE(
      Get([&](auto& rows) { return rows.HasFailed(done.id, IdOf(8)); }));
}

TEST_P(RegisteredContract, AFailedChangeLeavesNoneOfItsRows) {
  EXPECT_THAT(Change([&](RegisteredWrites& rows) -> Status {
                SR_RETURN_IF_ERROR(rows.InsertBatch(Batch(1)));
                SR_RETURN_IF_ERROR(rows.InsertDek(Dek(1, 0)));
                return rows.InsertDek(Dek(1, 0));
              }),
              HasReason(Reason::kConflict));
  EXPECT_EQ(Get([&](auto& rows) { return rows.GetBatch(IdOf(1)); }),
            std::nullopt);
}

TEST_P(RegisteredContract, UsesAreKeptByVersion) {
  const UseRow first{.key_id = key_.id,
                     .version = 1,
                     .issued = 1ull << 40,
                     .uncounted = true,
                     .first_issued = kNow,
                     .last_issued = kNow + std::chrono::seconds(1),
                     .last_opened = kNow + std::chrono::seconds(2)};
  const UseRow second{.key_id = key_.id, .version = 2, .issued = 3};
  const UseRow others{.key_id = other_.id, .version = 1, .issued = 4};
  ASSERT_OK(Change([&](RegisteredWrites& rows) -> Status {
    for (const UseRow& row : {second, first, others}) {
      SR_RETURN_IF_ERROR(rows.PutUse(row));
    }
    return OkStatus();
  }));
  EXPECT_THAT(Get([&](auto& rows) { return rows.UsesOf(key_.id); }),
              ElementsAre(first, second));
  UseRow changed = second;
  changed.issued = 7;
  ASSERT_OK(Change([&](auto& rows) { return rows.PutUse(changed); }));
  EXPECT_THAT(Get([&](auto& rows) { return rows.UsesOf(key_.id); }),
              ElementsAre(first, changed));
}

TEST_P(RegisteredContract, ClaimsAreDroppedByCallerAndSource) {
  const auto claim = [&](uint32_t version, const char* caller,
                         const char* source) {
    return ClaimRow{key_.id, version, caller, source, 5, kNow};
  };
  const std::vector<ClaimRow> all = {
      claim(1, "cn:a", "x"), claim(1, "cn:a", "y"), claim(1, "cn:b", "x"),
      claim(2, "cn:a", "x")};
  ASSERT_OK(Change([&](RegisteredWrites& rows) -> Status {
    for (auto row = all.rbegin(); row != all.rend(); ++row) {
      SR_RETURN_IF_ERROR(rows.PutClaim(*row));
    }
    return rows.PutClaim({other_.id, 1, "cn:a", "x", 1, kNow});
  }));
  EXPECT_THAT(Get([&](auto& rows) { return rows.ClaimsOf(key_.id); }),
              ::testing::ElementsAreArray(all));
  ASSERT_OK(Change(
      [&](auto& rows) { return rows.DropClaims(key_.id, "cn:a", "x"); }));
  EXPECT_THAT(Get([&](auto& rows) { return rows.ClaimsOf(key_.id); }),
              ElementsAre(all[1], all[2]));
  EXPECT_THAT(Get([&](auto& rows) { return rows.ClaimsOf(other_.id); }),
              ::testing::SizeIs(1));
}

TEST_P(RegisteredContract, WhatARotationBringsIsKept) {
  key_.always_required = true;
  key_.rewrap_on_rotation = true;
  key_.retire_after_s = 86400;
  VersionRow version;
  version.key_id = key_.id;
  version.version = 1;
  version.kek_id = IdOf(7);
  ASSERT_OK(store_->Update([&](Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.InsertVersion(version));
    version.retired = true;
    SR_RETURN_IF_ERROR(t.UpdateVersion(version));
    return t.UpdateKey(key_);
  }));
  ASSERT_OK(store_->Read([&](ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(auto row, t.GetKey(key_.id));
    EXPECT_EQ(*row, key_);
    SR_ASSIGN_OR_RETURN(auto rows, t.VersionsOf(key_.id));
    EXPECT_THAT(rows, ElementsAre(version));
    return OkStatus();
  }));
}

TEST_P(RegisteredContract, LeavesComeInTheOrderOfTheirIndicesAndOfOneBatch) {
  ASSERT_OK(store_->Update([&](Transaction& t) -> Status {
    RegisteredWrites& rows = t.registered();
    for (uint8_t batch : {1, 2}) {
      SR_RETURN_IF_ERROR(rows.InsertBatch({.batch_id = IdOf(batch),
                                           .key_id = key_.id,
                                           .version = 1,
                                           .header = {batch},
                                           .deks = 3}));
      for (uint32_t index : {300u, 2u, 10u}) {
        DekRow dek;
        dek.id = {IdOf(batch), index};
        dek.leaf = {batch, static_cast<uint8_t>(index)};
        SR_RETURN_IF_ERROR(rows.InsertDek(dek));
      }
    }
    return OkStatus();
  }));
  ASSERT_OK(store_->Read([&](ReadTransaction& t) -> Status {
    std::vector<std::pair<uint32_t, Bytes>> leaves;
    const auto keep = [&](uint32_t index, ByteView leaf) {
      leaves.emplace_back(index, Bytes(leaf.begin(), leaf.end()));
    };
    SR_RETURN_IF_ERROR(t.registered().VisitLeaves(IdOf(2), keep));
    EXPECT_THAT(leaves,
                ElementsAre(Pair(2, Bytes{2, 2}), Pair(10, Bytes{2, 10}),
                            Pair(300, Bytes{2, 44})));
    leaves.clear();
    SR_RETURN_IF_ERROR(t.registered().VisitLeaves(IdOf(3), keep));
    EXPECT_THAT(leaves, IsEmpty());
    return OkStatus();
  }));
}

TEST_P(RegisteredContract, AJobsReportIsKeptAndReplaced) {
  JobRow job;
  job.id = IdOf(9);
  job.key_id = key_.id;
  JobReportRow report{.job_id = job.id,
                      .from = {1, 2},
                      .to = {3},
                      .before = {1, 2},
                      .after = {3},
                      .document = ""};
  for (const char* document : {"", "{\"signed\": 1}"}) {
    report.document = document;
    ASSERT_OK(store_->Update([&](Transaction& t) -> Status {
      SR_RETURN_IF_ERROR(t.registered().PutJob(job));
      return t.registered().PutJobReport(report);
    }));
    ASSERT_OK(store_->Read([&](ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(auto found, t.registered().GetJobReport(job.id));
      EXPECT_EQ(found, report);
      SR_ASSIGN_OR_RETURN(found, t.registered().GetJobReport(IdOf(8)));
      EXPECT_EQ(found, std::nullopt);
      return OkStatus();
    }));
  }
}

TEST_P(RegisteredContract, AKeysRegistrationRuleIsKept) {
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

TEST(DekIdTest, AnIdHasOneText) {
  const DekId id{IdOf(0xab), 65535};
  EXPECT_EQ(id.ToString(), "ab000000-0000-0000-0000-000000000000:65535");
  ASSERT_OK_AND_ASSIGN(DekId parsed, DekId::Parse(id.ToString()));
  EXPECT_EQ(parsed, id);
}

TEST(DekIdTest, NothingElseIsAnId) {
  for (const char* text : {"", "ab000000-0000-0000-0000-000000000000",
                           "ab000000-0000-0000-0000-000000000000:",
                           "ab000000-0000-0000-0000-000000000000:01",
                           "ab000000-0000-0000-0000-000000000000:-1",
                           "ab000000-0000-0000-0000-000000000000:+1",
                           "ab000000-0000-0000-0000-000000000000:1 ",
                           "ab000000-0000-0000-0000-000000000000:4294967296",
                           "AB000000-0000-0000-0000-000000000000:1",
                           "ab000000-0000-0000-0000-00000000000:11",
                           "ab000000-0000-0000-0000-000000000000-1", ":1"}) {
    EXPECT_THAT(DekId::Parse(text), HasReason(Reason::kArgumentInvalid))
        << text;
  }
}

}  // namespace
}  // namespace strongroom::store
