// What is SQLite's alone: the file, the lock, the schema, the watermark.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "store/sqlite/schema.h"
#include "tests/store/sqlite_fixture.h"

namespace strongroom::store {
namespace {

using ::strongroom::testing::HasReason;
using ::strongroom::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(SqliteStoreTest, WhatWasCommittedIsThereAfterOpeningAgain) {
  const KeyRow key = NamedKey("a");
  Uuid installation;
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    installation = store->installation_id();
    ASSERT_OK(store->Update([&](auto& t) { return t.InsertKey(key); }));
  }
  ASSERT_OK_AND_ASSIGN(auto store, Open(/*create=*/false));
  EXPECT_EQ(store->installation_id(), installation);
  ASSERT_OK(store->Read([&](ReadTransaction& t) -> Status {
    EXPECT_THAT(*t.AllKeys(), ::testing::ElementsAre(key));
    return OkStatus();
  }));
}

TEST_F(SqliteStoreTest, ItsFilesArePrivateWhateverTheUmask) {
  for (mode_t mask : {0000, 0077, 0777}) {
    SCOPED_TRACE(mask);
    TempDir dir;
    const std::string path = dir.File("s");
    const mode_t before = umask(mask);
    auto store = OpenSqliteStore({.path = path});
    umask(before);
    ASSERT_OK(store);
    EXPECT_EQ(ModeOf(path), 0600u);
    EXPECT_EQ(ModeOf(path + "-wal"), 0600u);
    EXPECT_EQ(ModeOf(path + "-shm"), 0600u);
    EXPECT_EQ(ModeOf(path + ".lock") & 0077, 0u);
  }
}

TEST_F(SqliteStoreTest, AnAbsentStoreIsNotMadeUnlessAskedFor) {
  EXPECT_THAT(Open(/*create=*/false),
              HasReason(Reason::kStoreUnavailable, HasSubstr(path_)));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(SqliteStoreTest, APathThroughNoDirectoryIsUnavailable) {
  path_ = dir_.File("absent/store.db");
  EXPECT_THAT(Open(), HasReason(Reason::kStoreUnavailable, HasSubstr(path_)));
}

TEST_F(SqliteStoreTest, WhatAKilledCreationLeftIsNotTakenForAStore) {
  dir_.Write("store.db.new", "half of a store");
  dir_.Write("store.db.new-journal", "half of a journal");
  ASSERT_OK(Open());
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(SqliteStoreTest, ASecondOpenerIsToldWhoHasIt) {
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  EXPECT_THAT(Open(),
              HasReason(Reason::kStoreLocked,
                        HasSubstr("process " + std::to_string(getpid()))));
  store.reset();
  EXPECT_OK(Open());
}

TEST_F(SqliteStoreTest, TheLockDiesWithItsHolder) {
  ASSERT_OK(Open());
  int ready[2], hold[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(hold), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(hold[1]);
    auto store = Open();
    char byte = store.ok() ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  EXPECT_THAT(Open(), HasReason(Reason::kStoreLocked,
                                HasSubstr("process " + std::to_string(child))));
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_OK(Open());
  for (int fd : {ready[0], ready[1], hold[0], hold[1]}) close(fd);
}

TEST_F(SqliteStoreTest, LeasesOfADeadProcessAreFreeAtOnce) {
  const auto take = [](Store& store) {
    Lease lease;
    EXPECT_OK(store.Update([&](Transaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(lease, t.TakeLease("l", std::chrono::hours(1)));
      return OkStatus();
    }));
    return lease;
  };
  Lease dead;
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    dead = take(*store);
  }
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  EXPECT_NE(store->replica_id(), dead.holder) << "a new one at each start";
  EXPECT_GT(take(*store).fencing, dead.fencing);
}

TEST_F(SqliteStoreTest, CountersOfDeadReplicasAreAddedUpAtTheStart) {
  const KeyRow key = NamedKey("a/key");
  const CensusDelta one{key.id, 1, 1, 2};
  for (int start = 0; start < 3; ++start) {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->Update([&](Transaction& t) -> Status {
      if (start == 0) SR_RETURN_IF_ERROR(t.InsertKey(key));
      return t.dependents().AddCensus({&one, 1});
    }));
  }
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  EXPECT_EQ(Count("SELECT count(*) FROM census_counts"), 1);
  ASSERT_OK(store->Read([&](ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const auto rows, t.dependents().CensusOf(key.id));
    EXPECT_THAT(rows, ::testing::ElementsAre(CensusRow{key.id, 1, 3, 6}));
    return OkStatus();
  }));
}

TEST_F(SqliteStoreTest, ANewerSchemaThatNeedsANewerProgramIsRefused) {
  ASSERT_OK(Open());
  const int newer = SchemaVersion() + 1;
  Tamper("PRAGMA user_version = " + std::to_string(newer) +
         "; UPDATE oldest_program SET schema = " + std::to_string(newer));
  const std::string before = Contents();
  EXPECT_THAT(
      Open(),
      HasReason(Reason::kStoreSchemaNewer,
                AllOf(HasSubstr("schema " + std::to_string(newer)),
                      HasSubstr("up to " + std::to_string(SchemaVersion())))));
  EXPECT_EQ(Contents(), before);
}

TEST_F(SqliteStoreTest, ANewerSchemaThatThisProgramMayUseOpensAsItIs) {
  const KeyRow key = NamedKey("a/key");
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->Update([&](auto& t) { return t.InsertKey(key); }));
  }
  const int newer = SchemaVersion() + 5;
  Tamper(
      "ALTER TABLE keys ADD COLUMN later TEXT NOT NULL DEFAULT 'x'; "
      "PRAGMA user_version = " +
      std::to_string(newer));
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->Update(
        [](Transaction& t) { return t.InsertKey(NamedKey("another")); }));
  }
  EXPECT_EQ(Count("PRAGMA user_version"), newer) << "it is brought nowhere";
}

TEST_F(SqliteStoreTest, AWriterThatAnotherProgramBlocksIsUnavailable) {
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr),
            SQLITE_OK);
  EXPECT_THAT(store->UpdateInOrder([](auto& t) { return t.BumpChangeSeq(); }),
              HasReason(Reason::kStoreUnavailable));
  EXPECT_OK(
      store->Read([](ReadTransaction& t) { return t.ChangeSeq().status(); }));
  sqlite3_close(other);
  EXPECT_OK(store->UpdateInOrder([](auto& t) { return t.BumpChangeSeq(); }));
}

Status Bump(Store& store) {
  return store.UpdateInOrder([](Transaction& t) { return t.BumpChangeSeq(); });
}

TEST_F(SqliteStoreTest, ASymbolicLinkDoesNotLetASecondServerIn) {
  auto store = Open();
  ASSERT_OK(store);
  const std::string link = dir_.File("other-name.db");
  ASSERT_EQ(symlink(path_.c_str(), link.c_str()), 0);
  EXPECT_THAT(OpenSqliteStore({.path = link}), HasReason(Reason::kStoreLocked));
}

TEST_F(SqliteStoreTest, AStoreWithTwoNamesIsRefused) {
  ASSERT_OK(Open());
  const std::string link = dir_.File("other-name.db");
  ASSERT_EQ(::link(path_.c_str(), link.c_str()), 0);
  for (const std::string& path : {path_, link}) {
    EXPECT_THAT(OpenSqliteStore({.path = path}),
                HasReason(Reason::kStoreUnavailable, HasSubstr("hard links")));
  }
}

TEST_F(SqliteStoreTest, TheFileItselfIsLockedWhateverItsName) {
  auto store = Open();
  ASSERT_OK(store);
  // What a bind mount of the file alone gives: another name, no lock beside it.
  ASSERT_EQ(rename((path_ + ".lock").c_str(), dir_.File("away").c_str()), 0);
  EXPECT_THAT(Open(), HasReason(Reason::kStoreLocked, HasSubstr("mount")));
}

TEST_F(SqliteStoreTest, AStoreThatWasRemovedOrReplacedTakesNoMoreChanges) {
  for (const char* suffix : {"", "-wal"}) {
    SCOPED_TRACE(suffix);
    auto store = Open();
    ASSERT_OK(store);
    ASSERT_OK(Bump(**store));
    const std::string away = dir_.File("away");
    ASSERT_EQ(rename((path_ + suffix).c_str(), away.c_str()), 0);
    EXPECT_THAT(Bump(**store), HasReason(Reason::kStoreUnavailable,
                                         HasSubstr("removed or replaced")));
    std::ofstream(path_ + suffix) << "another";
    EXPECT_THAT(Bump(**store), HasReason(Reason::kStoreUnavailable));
    ASSERT_EQ(rename(away.c_str(), (path_ + suffix).c_str()), 0);
    EXPECT_OK(Bump(**store));
  }
}

TEST_F(SqliteStoreTest, TheWatermarkFollowsChangesAndOutlivesAnOldCopy) {
  const std::string copy = dir_.File("copy.db");
  {
    auto store = Open();
    ASSERT_OK(store);
    EXPECT_EQ((*store)->Watermark(), 0u);
    ASSERT_OK(Bump(**store));
    EXPECT_EQ((*store)->Watermark(), 1u);
  }
  std::filesystem::copy_file(path_, copy);
  {
    auto store = Open();
    ASSERT_OK(store);
    EXPECT_EQ((*store)->Watermark(), 1u);
    ASSERT_OK(Bump(**store));
  }
  std::filesystem::copy_file(copy, path_,
                             std::filesystem::copy_options::overwrite_existing);
  auto store = Open();
  ASSERT_OK(store);
  EXPECT_EQ((*store)->Watermark(), 2u);
  ASSERT_OK((*store)->UpdateInOrder([](Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const uint64_t seq, t.ChangeSeq());
    EXPECT_EQ(seq, 1u);
    return t.RaiseChangeSeq(2);
  }));
  EXPECT_EQ((*store)->Watermark(), 3u);
}

TEST_F(SqliteStoreTest, ACopyWithoutItsWatermarkSaysThatNothingIsKnown) {
  {
    auto store = Open();
    ASSERT_OK(store);
    ASSERT_OK(Bump(**store));
  }
  const std::string watermark = path_ + ".seq";
  EXPECT_EQ(ModeOf(watermark), 0600u);
  std::filesystem::remove(watermark);
  EXPECT_EQ((*Open())->Watermark(), std::nullopt);
  // Nor do a damaged one, and one of another store.
  for (const char* text :
       {"", "strongroom-watermark-1 ", "strongroom-watermark-1 x 7\n",
        "strongroom-watermark-1 00000000-0000-4000-8000-000000000000 7\n"}) {
    std::ofstream(watermark) << text;
    EXPECT_EQ((*Open())->Watermark(), std::nullopt) << text;
  }
}

// What a store has since the release before: schema 7.
const std::string kWithoutStep8 =
    "UPDATE counters SET value = (SELECT seq FROM last_change) WHERE name = "
    "'change_seq'; DROP TABLE last_change; DROP TABLE oldest_program; DROP "
    "TABLE census_counts; DROP TABLE removed_keks; ALTER TABLE versions DROP "
    "COLUMN closed; ";

TEST_F(SqliteStoreTest, AStoreFromBeforeWatermarksIsNoOldCopy) {
  {
    auto store = Open();
    ASSERT_OK(store);
    ASSERT_OK(Bump(**store));
  }
  std::filesystem::remove(path_ + ".seq");
  Tamper(kWithoutStep8 +
         "DROP TABLE job_reports; DROP TABLE claims; DROP TABLE uses; "
         "ALTER TABLE keys DROP COLUMN always_required; "
         "ALTER TABLE keys DROP COLUMN rewrap_on_rotation; "
         "ALTER TABLE keys DROP COLUMN retire_after_s; "
         "ALTER TABLE versions DROP COLUMN retired; "
         "DROP TABLE job_failures; DROP TABLE jobs; DROP TABLE census; "
         "DROP TABLE registrations; DROP TABLE tombstones; DROP TABLE deks; "
         "DROP TABLE batches; ALTER TABLE keys DROP COLUMN registration; "
         "ALTER TABLE versions DROP COLUMN held; PRAGMA user_version = 1");
  EXPECT_EQ((*Open())->Watermark(), 1u);
}

TEST_F(SqliteStoreTest, AReleasedStoreKeepsItsCountersAndWhatIsClosed) {
  const KeyRow key = NamedKey("a/key");
  const auto version = [&](uint32_t number) {
    VersionRow row;
    row.key_id = key.id;
    row.version = number;
    row.kek_id = Uuid::Random();
    return row;
  };
  VersionRow first = version(1), second = version(2);
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->UpdateInOrder([&](Transaction& t) -> Status {
      SR_RETURN_IF_ERROR(t.InsertKey(key));
      SR_RETURN_IF_ERROR(t.InsertVersion(first));
      SR_RETURN_IF_ERROR(t.InsertVersion(second));
      return t.RaiseChangeSeq(41);
    }));
  }
  const std::string id = "x'" + ToHex(key.id.bytes()) + "'";
  Tamper(kWithoutStep8 + "INSERT INTO census VALUES (" + id +
         ", 1, 0, 0, 1), (" + id + ", 2, 7, 9, 0); PRAGMA user_version = 7");
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  EXPECT_EQ(store->Watermark(), 42u);
  ASSERT_OK(store->Read([&](ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const uint64_t seq, t.ChangeSeq());
    EXPECT_EQ(seq, 42u);
    SR_ASSIGN_OR_RETURN(const auto rows, t.dependents().CensusOf(key.id));
    EXPECT_THAT(rows, ::testing::ElementsAre(CensusRow{key.id, 1, 0, 0},
                                             CensusRow{key.id, 2, 7, 9}));
    SR_ASSIGN_OR_RETURN(const auto versions, t.AllVersions());
    first.closed = true;
    EXPECT_THAT(versions, ::testing::ElementsAre(first, second));
    return OkStatus();
  }));
}

TEST_F(SqliteStoreTest, OfBatchesFromAnOlderSchemaTheLeavesAreNotKnown) {
  const KeyRow key = NamedKey("a/key");
  BatchRow batch{.batch_id = Uuid::Random(),
                 .key_id = key.id,
                 .version = 1,
                 .header = {1, 2},
                 .deks = 3,
                 .leaves = {4, 5}};
  {
    auto store = Open();
    ASSERT_OK(store);
    ASSERT_OK((*store)->Update([&](Transaction& t) -> Status {
      SR_RETURN_IF_ERROR(t.InsertKey(key));
      return t.deks().InsertBatch(batch);
    }));
  }
  Tamper(kWithoutStep8 +
         "ALTER TABLE jobs DROP COLUMN min_share; "
         "ALTER TABLE batches DROP COLUMN leaves; PRAGMA user_version = 5");
  auto store = Open();
  ASSERT_OK(store);
  batch.leaves.clear();
  ASSERT_OK((*store)->Read([&](ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const auto found, t.deks().GetBatch(batch.batch_id));
    EXPECT_EQ(found, batch);
    return OkStatus();
  }));
}

}  // namespace
}  // namespace strongroom::store
