#include "strongroom/store/copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "store/sql/transaction.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/file_errors.h"
#include "store/sqlite/process_lock.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/store_file.h"
#include "strongroom/base/crash_points.h"

namespace strongroom::store {
namespace {

// The first schema with the newest change in a table of its own.
constexpr int kLastChangeSchema = 8;

constexpr const char* kSuffixes[] = {"-wal", "-shm", "-journal"};

bool Exists(const std::string& path) {
  struct stat about {};
  return lstat(path.c_str(), &about) == 0;
}

Status SyncFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileFailure(errno, "open", path);
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  return result == 0 ? OkStatus() : FileFailure(error, "sync", path);
}

StatusOr<uint64_t> CountRows(SqliteConnection& db, const char* sql) {
  SR_ASSIGN_OR_RETURN(const int64_t count, db.QueryInt(sql));
  return static_cast<uint64_t>(count);
}

Status CheckWhole(SqliteConnection& db, const std::string& path) {
  SR_ASSIGN_OR_RETURN(Statement statement, db.Prepare("PRAGMA quick_check(1)"));
  SR_ASSIGN_OR_RETURN(const bool row, statement.Step());
  std::string said = row ? statement.row().Text(0) : "nothing";
  std::ranges::replace(said, '\n', ' ');
  if (said == "ok") return OkStatus();
  return Error(Reason::kStoreCorrupt, "store " + path + " is damaged (" + said +
                                          "); want a whole one: take another "
                                          "backup");
}

StatusOr<StoreFacts> ReadFacts(SqliteConnection& db, const std::string& path) {
  StoreFacts facts;
  SR_ASSIGN_OR_RETURN(const Schema schema, ReadSchema(db, path));
  facts.schema = schema.version;
  SR_RETURN_IF_ERROR(CheckWhole(db, path));
  SR_ASSIGN_OR_RETURN(facts.installation_id, ReadInstallationId(db, path));
  SR_ASSIGN_OR_RETURN(
      facts.change_seq,
      CountRows(db, facts.schema < kLastChangeSchema
                        ? "SELECT value FROM counters WHERE name = 'change_seq'"
                        : "SELECT seq FROM last_change"));
  SR_ASSIGN_OR_RETURN(facts.keys, CountRows(db, "SELECT count(*) FROM keys"));
  SR_ASSIGN_OR_RETURN(facts.versions,
                      CountRows(db, "SELECT count(*) FROM versions"));
  // The first schemas had none of these.
  constexpr int kRegisteredSchema = 3;
  if (facts.schema < kRegisteredSchema) return facts;
  SR_ASSIGN_OR_RETURN(facts.deks, CountRows(db, "SELECT count(*) FROM deks"));
  SR_ASSIGN_OR_RETURN(facts.tombstones,
                      CountRows(db, "SELECT count(*) FROM tombstones"));
  return facts;
}

Status WriteCopy(const std::string& from, const std::string& to) {
  SR_ASSIGN_OR_RETURN(
      std::unique_ptr<SqliteConnection> db,
      SqliteConnection::Open(from, SqliteConnection::Mode::kReadOnly));
  SR_RETURN_IF_ERROR(ReadSchema(*db, from).status());
  // One statement, hence one state; pages that were freed are left behind.
  return db->Run("VACUUM INTO ?", to);
}

Status Edit(const std::string& path,
            const std::function<Status(Transaction&)>& edit) {
  SR_ASSIGN_OR_RETURN(
      std::unique_ptr<SqliteConnection> db,
      SqliteConnection::Open(path, SqliteConnection::Mode::kReadWrite));
  SR_RETURN_IF_ERROR(db->Execute("PRAGMA journal_mode = DELETE"));
  SR_RETURN_IF_ERROR(db->Execute("PRAGMA synchronous = FULL"));
  SR_RETURN_IF_ERROR(db->Execute("PRAGMA secure_delete = ON"));
  SR_RETURN_IF_ERROR(Migrate(*db, path).status());
  SR_RETURN_IF_ERROR(db->Execute("BEGIN IMMEDIATE"));
  SqlTransaction transaction(*db, Uuid(), SqlTransaction::Kind::kInOrder);
  SR_RETURN_IF_ERROR(edit(transaction));
  return db->Execute("COMMIT");
}

// A journal beside the place would be taken for the new store's. What of it is
// good is brought home; what cannot be is moved away with its store.
void FoldJournal(const std::string& path) {
  const auto db =
      SqliteConnection::Open(path, SqliteConnection::Mode::kReadWrite);
  if (!db.ok()) return;
  (void)(*db)->Execute("PRAGMA journal_mode = DELETE");
}

class Place final : public StorePlace {
 public:
  Place(std::string path, std::vector<ProcessLock> locks)
      : path_(std::move(path)), locks_(std::move(locks)) {}

  const std::string& path() const override { return path_; }
  bool occupied() const override { return Exists(path_); }

  StatusOr<std::string> Put(const std::string& prepared,
                            WallTime now) override {
    SR_RETURN_IF_ERROR(SyncFile(prepared));
    std::string kept;
    const bool was_there = occupied();
    if (was_there) FoldJournal(path_);
    CrashPoint("place/folded");
    if (was_there || JournalIsThere()) {
      SR_ASSIGN_OR_RETURN(kept, KeptName(now));
      SR_RETURN_IF_ERROR(MoveJournals(kept));
    }
    // A second name and not a new one: at no moment is there no store, for
    // which a server would make an empty one.
    if (was_there && link(path_.c_str(), kept.c_str()) != 0) {
      return FileFailure(errno, "keep the old store as", kept);
    }
    CrashPoint("place/kept");
    if (rename(prepared.c_str(), path_.c_str()) != 0) {
      return FileFailure(errno, "rename to", path_);
    }
    CrashPoint("place/renamed");
    SR_RETURN_IF_ERROR(SyncDirectory(path_));
    return kept;
  }

 private:
  bool JournalIsThere() const {
    for (const char* suffix : kSuffixes) {
      if (Exists(path_ + suffix)) return true;
    }
    return false;
  }

  StatusOr<std::string> KeptName(WallTime now) const {
    const std::string begin = path_ + ".replaced-" + FormatTime(now);
    for (int n = 0; n < 100; ++n) {
      const std::string name = n == 0 ? begin : begin + "-" + std::to_string(n);
      if (!Exists(name)) return name;
    }
    return Error(Reason::kStoreUnavailable,
                 "there are 100 files named " + begin + "; remove some");
  }

  Status MoveJournals(const std::string& kept) const {
    for (const char* suffix : kSuffixes) {
      const std::string journal = path_ + suffix;
      if (rename(journal.c_str(), (kept + suffix).c_str()) == 0) continue;
      if (errno != ENOENT) return FileFailure(errno, "move away", journal);
    }
    return SyncDirectory(path_);
  }

  const std::string path_;
  const std::vector<ProcessLock> locks_;
};

}  // namespace

Status CopySqliteStore(const std::string& from, const std::string& to) {
  // SQLite fills an empty file; so the mode is ours from the first byte on.
  SR_RETURN_IF_ERROR(MakeFile(to));
  Status status = WriteCopy(from, to);
  if (status.ok()) status = SyncFile(to);
  if (!status.ok()) std::remove(to.c_str());
  return status;
}

StatusOr<StoreFacts> InspectSqliteStore(const std::string& path) {
  SR_ASSIGN_OR_RETURN(
      std::unique_ptr<SqliteConnection> db,
      SqliteConnection::Open(path, SqliteConnection::Mode::kReadOnly));
  return ReadFacts(*db, path);
}

Status ReadSqliteStore(const std::string& path,
                       const std::function<Status(ReadTransaction&)>& read) {
  SR_ASSIGN_OR_RETURN(
      std::unique_ptr<SqliteConnection> db,
      SqliteConnection::Open(path, SqliteConnection::Mode::kReadOnly));
  SR_RETURN_IF_ERROR(ReadSchema(*db, path).status());
  SqlTransaction transaction(*db, Uuid());
  return read(transaction);
}

Status EditSqliteStore(const std::string& path,
                       const std::function<Status(Transaction&)>& edit) {
  SR_RETURN_IF_ERROR(Edit(path, edit));
  return SyncFile(path);
}

StatusOr<std::unique_ptr<StorePlace>> StorePlace::Take(
    const std::string& path) {
  SR_ASSIGN_OR_RETURN(std::string real, RealPath(path));
  std::vector<ProcessLock> locks;
  SR_ASSIGN_OR_RETURN(ProcessLock lock, ProcessLock::Take(real + ".lock"));
  locks.push_back(std::move(lock));
  if (Exists(real)) {
    SR_ASSIGN_OR_RETURN(ProcessLock inode, ProcessLock::TakeInode(real));
    locks.push_back(std::move(inode));
  }
  return std::unique_ptr<StorePlace>(
      new Place(std::move(real), std::move(locks)));
}

}  // namespace strongroom::store
