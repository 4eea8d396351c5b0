// What is SQLite's alone: the file, the lock, the schema, the disk.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "store/sqlite_schema.h"
#include "strongroom/store/store.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::store {
namespace {

using ::strongroom::testing::HasReason;
using ::strongroom::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;

class SqliteStoreTest : public ::testing::Test {
 protected:
  StatusOr<std::unique_ptr<Store>> Open(bool create = true) {
    return OpenSqliteStore({.path = path_, .create = create});
  }
  // Runs SQL on the file as another program would.
  void Tamper(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat about {};
    EXPECT_EQ(stat(path.c_str(), &about), 0) << path;
    return about.st_mode & 07777;
  }
  std::string Contents() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  TempDir dir_;
  std::string path_ = dir_.File("store.db");
};

KeyRow NamedKey(std::string name) {
  KeyRow key;
  key.id = Uuid::Random();
  key.name = std::move(name);
  return key;
}

// InChild runs `body` in a child process; true is success.
bool InChild(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  if (waitpid(child, &status, 0) != child) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// In a child gtest's failures would be lost: this says what was found.
bool Is(const Status& status, Reason reason) {
  if (!status.ok() && ReasonOf(status) == reason) return true;
  std::cerr << "want " << ReasonName(reason) << ", found "
            << testing::Describe(status) << "\n";
  return false;
}

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
  const WallTime now{std::chrono::seconds(1000)};
  const WallTime later = now + std::chrono::hours(1);
  uint64_t fencing = 0;
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->Update([&](Transaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(Lease lease, t.TakeLease("l", "dead", now, later));
      fencing = lease.fencing;
      return OkStatus();
    }));
  }
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  ASSERT_OK(store->Update([&](Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(Lease lease, t.TakeLease("l", "new", now, later));
    EXPECT_GT(lease.fencing, fencing);
    return OkStatus();
  }));
}

TEST_F(SqliteStoreTest, ANewerSchemaIsRefusedAndLeftAlone) {
  ASSERT_OK(Open());
  const int newer = SchemaVersion() + 1;
  Tamper("PRAGMA user_version = " + std::to_string(newer));
  const std::string before = Contents();
  EXPECT_THAT(
      Open(),
      HasReason(Reason::kStoreSchemaNewer,
                AllOf(HasSubstr("schema " + std::to_string(newer)),
                      HasSubstr("up to " + std::to_string(SchemaVersion())))));
  EXPECT_EQ(Contents(), before);
}

TEST_F(SqliteStoreTest, ADatabaseOfAnotherProgramIsRefusedAndLeftAlone) {
  Tamper("CREATE TABLE theirs(x); PRAGMA application_id = 4711");
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  const std::string before = Contents();
  EXPECT_THAT(Open(), HasReason(Reason::kStoreCorrupt, HasSubstr("4711")));
  EXPECT_EQ(Contents(), before);
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsRefusedAndLeftAlone) {
  const std::string text(5000, 'x');
  dir_.Write("store.db", text);
  EXPECT_THAT(Open(), HasReason(Reason::kStoreCorrupt, HasSubstr(path_)));
  EXPECT_EQ(Contents(), text);
}

TEST_F(SqliteStoreTest, AnEmptyFileIsNotTakenForANewStore) {
  dir_.Write("store.db", "");
  EXPECT_THAT(Open(), HasReason(Reason::kStoreCorrupt, HasSubstr("empty")));
  EXPECT_EQ(Contents(), "");
}

TEST_F(SqliteStoreTest, ADirectoryIsNotAStore) {
  ASSERT_TRUE(std::filesystem::create_directory(path_));
  EXPECT_FALSE(Open().ok());
}

TEST_F(SqliteStoreTest, DamagedPagesAreFoundWhenTheyAreRead) {
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->Update([](Transaction& t) -> Status {
      for (int i = 0; i < 500; ++i) {
        SR_RETURN_IF_ERROR(t.InsertKey(NamedKey("k" + std::to_string(i))));
      }
      return OkStatus();
    }));
  }
  std::string damaged = Contents();
  ASSERT_GT(damaged.size(), 8u * 4096);
  // Page 1 holds the schema; all others are overwritten.
  for (size_t i = 4096; i < damaged.size(); ++i) damaged[i] ^= 0x5a;
  dir_.Write("store.db", damaged);
  auto store = Open();
  if (store.ok()) {
    EXPECT_THAT(
        (*store)->Read([](ReadTransaction& t) { return t.AllKeys().status(); }),
        HasReason(Reason::kStoreCorrupt));
  } else {
    EXPECT_THAT(store, HasReason(Reason::kStoreCorrupt));
  }
}

TEST_F(SqliteStoreTest, ALostInstallationIdIsCorruptionNotANewOne) {
  ASSERT_OK(Open());
  Tamper("DELETE FROM settings");
  EXPECT_THAT(Open(),
              HasReason(Reason::kStoreCorrupt, HasSubstr("installation id")));
}

TEST_F(SqliteStoreTest, LabelsThatWeCannotHaveWrittenAreCorruption) {
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->Update(
        [](Transaction& t) { return t.InsertKey(NamedKey("k")); }));
  }
  for (const char* labels : {"novalue", "key=value", "novalue\n"}) {
    Tamper(std::string("UPDATE keys SET labels = '") + labels + "'");
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    EXPECT_THAT(
        store->Read([](ReadTransaction& t) { return t.AllKeys().status(); }),
        HasReason(Reason::kStoreCorrupt))
        << labels;
  }
}

TEST_F(SqliteStoreTest, AWriterThatAnotherProgramBlocksIsUnavailable) {
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr),
            SQLITE_OK);
  EXPECT_THAT(store->Update([](auto& t) { return t.BumpChangeSeq(); }),
              HasReason(Reason::kStoreUnavailable));
  EXPECT_OK(
      store->Read([](ReadTransaction& t) { return t.ChangeSeq().status(); }));
  sqlite3_close(other);
  EXPECT_OK(store->Update([](auto& t) { return t.BumpChangeSeq(); }));
}

// A real limit of the kernel on the size of files: what a full disk does, at a
// place that the test chooses.
TEST_F(SqliteStoreTest, AFullDiskRefusesTheChangeAndKeepsTheRest) {
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->Update(
        [](Transaction& t) { return t.InsertKey(NamedKey("kept")); }));
  }
  EXPECT_TRUE(InChild([&] {
    auto store = Open();
    if (!store.ok()) return false;
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{256 * 1024, 256 * 1024};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    // Far more rows than fit below the limit, in one transaction.
    Status status = (*store)->Update([](Transaction& t) -> Status {
      for (int i = 0; i < 100000; ++i) {
        SR_RETURN_IF_ERROR(t.InsertKey(NamedKey("k" + std::to_string(i))));
      }
      return OkStatus();
    });
    if (!Is(status, Reason::kStoreFull)) return false;
    // It still reads, and smaller changes still go.
    return (*store)
               ->Read([](ReadTransaction& t) { return t.AllKeys().status(); })
               .ok() &&
           (*store)->Update([](auto& t) { return t.BumpChangeSeq(); }).ok();
  }));
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  ASSERT_OK(store->Read([](ReadTransaction& t) -> Status {
    EXPECT_EQ(t.AllKeys()->size(), 1u);
    EXPECT_EQ(*t.ChangeSeq(), 1u);
    return OkStatus();
  }));
}

// The limit meets another of SQLite's files, or another step, at each size.
TEST_F(SqliteStoreTest, WhereverTheLimitOnFileSizesIsTheStoreIsFull) {
  ASSERT_OK(Open());
  for (rlim_t size = 0; size <= 160 * 1024; size += 10240) {
    SCOPED_TRACE(size);
    for (bool limited_open : {false, true}) {
      EXPECT_TRUE(InChild([&] {
        signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{size, size};
        StatusOr<std::unique_ptr<Store>> store(Error(Reason::kInternal, ""));
        if (!limited_open) store = Open();
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
        if (limited_open) store = Open();
        if (!store.ok()) return Is(store.status(), Reason::kStoreFull);
        for (int i = 0; i < 4; ++i) {
          Status status = (*store)->Update([&](Transaction& t) -> Status {
            for (int k = 0; k < 1 << (3 * i); ++k) {
              SR_RETURN_IF_ERROR(t.InsertKey(
                  NamedKey("k" + std::to_string(i) + "-" + std::to_string(k))));
            }
            return Error(Reason::kInternal, "keep it small");
          });
          if (!Is(status, Reason::kInternal) &&
              !Is(status, Reason::kStoreFull)) {
            return false;
          }
          status = (*store)->Update([](auto& t) { return t.BumpChangeSeq(); });
          if (!status.ok() && !Is(status, Reason::kStoreFull)) return false;
        }
        return true;
      }));
    }
  }
}

TEST_F(SqliteStoreTest, AFullDiskLeavesNoHalfMadeStore) {
  EXPECT_TRUE(InChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    return Is(Open().status(), Reason::kStoreFull);
  }));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_OK(Open());
}

// Root may write anywhere, so the child becomes somebody else first.
bool BecomeNobody() {
  return geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
}

TEST_F(SqliteStoreTest, AReadOnlyStoreIsRefused) {
  ASSERT_OK(Open());
  ASSERT_EQ(chmod(path_.c_str(), 0444), 0);
  ASSERT_EQ(chmod((path_ + ".lock").c_str(), 0666), 0);
  ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  EXPECT_TRUE(InChild([&] {
    return BecomeNobody() && Is(Open().status(), Reason::kStoreReadOnly);
  }));
}

TEST_F(SqliteStoreTest, AReadOnlyDirectoryIsRefused) {
  ASSERT_EQ(chmod(dir_.path().c_str(), 0555), 0);
  EXPECT_TRUE(InChild([&] {
    return BecomeNobody() && Is(Open().status(), Reason::kStoreReadOnly);
  }));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

Status Bump(Store& store) {
  return store.Update([](Transaction& t) { return t.BumpChangeSeq(); });
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
  ASSERT_OK((*store)->Update([](Transaction& t) -> Status {
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

TEST_F(SqliteStoreTest, AStoreFromBeforeWatermarksIsNoOldCopy) {
  {
    auto store = Open();
    ASSERT_OK(store);
    ASSERT_OK(Bump(**store));
  }
  std::filesystem::remove(path_ + ".seq");
  Tamper(
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

}  // namespace
}  // namespace strongroom::store
