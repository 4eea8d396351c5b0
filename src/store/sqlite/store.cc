// The embedded store: one SQLite file in WAL mode with synchronous=FULL, so
// that a commit that was answered survives a power cut.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "store/sql/transaction.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/file_errors.h"
#include "store/sqlite/process_lock.h"
#include "store/sqlite/same_file.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/store_file.h"
#include "store/sqlite/watermark.h"
#include "strongroom/base/files.h"
#include "strongroom/base/log.h"
#include "strongroom/base/mutex.h"
#include "strongroom/store/sqlite.h"

namespace strongroom::store {
namespace {

// Two connections: a writer that waits for the disk does not keep readers
// waiting. Each is used by one thread at a time.
class SqliteStore final : public Store {
 public:
  struct Parts {
    std::vector<ProcessLock> locks;
    std::unique_ptr<SqliteConnection> writer;
    std::unique_ptr<SqliteConnection> reader;
    std::vector<SameFile> files;
    std::unique_ptr<WatermarkFile> watermark;
    Uuid installation_id;
    Uuid replica_id;
  };
  SqliteStore(Parts parts, Metrics& metrics)
      : commit_seconds_(metrics.GetHistogram(
            "strongroom_store_commit_seconds",
            "Time of one change of the store, until it was durable.",
            Buckets::kSeconds)),
        locks_(std::move(parts.locks)),
        writer_(std::move(parts.writer)),
        reader_(std::move(parts.reader)),
        files_(std::move(parts.files)),
        watermark_(std::move(parts.watermark)),
        installation_id_(parts.installation_id),
        replica_id_(parts.replica_id) {}

  Status Update(const std::function<Status(Transaction&)>& change) override
      SR_EXCLUDES(write_mutex_) {
    return Write(SqlTransaction::Kind::kAny, change);
  }

  // The one writer is the lock: it begins with BEGIN IMMEDIATE.
  Status UpdateInOrder(const std::function<Status(Transaction&)>& change)
      override SR_EXCLUDES(write_mutex_) {
    return Write(SqlTransaction::Kind::kInOrder, change);
  }

  Status Read(const std::function<Status(ReadTransaction&)>& read) override
      SR_EXCLUDES(read_mutex_) {
    MutexLock lock(read_mutex_);
    SqlTransaction transaction(*reader_, replica_id_);
    return Run(*reader_, "BEGIN", [&] { return read(transaction); });
  }

  const Uuid& installation_id() const override { return installation_id_; }
  const Uuid& replica_id() const override { return replica_id_; }

  std::optional<uint64_t> Watermark() override SR_EXCLUDES(write_mutex_) {
    MutexLock lock(write_mutex_);
    return watermark_->value();
  }

 private:
  Status Write(SqlTransaction::Kind kind,
               const std::function<Status(Transaction&)>& change)
      SR_EXCLUDES(write_mutex_) {
    MutexLock lock(write_mutex_);
    const SteadyTime start = Clock::System().Steady();
    // What is committed to a file that has no name any more is lost with us.
    for (const SameFile& file : files_) SR_RETURN_IF_ERROR(file.Check());
    SqlTransaction transaction(*writer_, replica_id_, kind);
    SR_RETURN_IF_ERROR(
        Run(*writer_, "BEGIN IMMEDIATE", [&] { return change(transaction); }));
    if (transaction.made()) NoteChange(*transaction.made());
    commit_seconds_.Observe(
        std::chrono::duration<double>(Clock::System().Steady() - start)
            .count());
    return OkStatus();
  }

  // The change is committed and stands, whatever becomes of the watermark.
  void NoteChange(const Change& change) SR_REQUIRES(write_mutex_) {
    const Status status = watermark_->Raise(change.seq);
    if (status.ok()) return;
    log::Error(
        "the store's watermark was not written; until it is, a copy of the "
        "store restored from before this change is not recognised as one",
        {{"error", status}});
  }

  template <typename Body>
  static Status Run(SqliteConnection& db, const char* begin, const Body& body) {
    SR_RETURN_IF_ERROR(db.Execute(begin));
    Status status = body();
    if (status.ok()) status = db.Execute("COMMIT");
    // SQLite rolls back by itself after some failures (a full disk).
    if (!status.ok() && db.in_transaction()) {
      Status rollback = db.Execute("ROLLBACK");
      if (!rollback.ok()) log::Error("rollback failed", {{"error", rollback}});
    }
    return status;
  }

  Histogram& commit_seconds_;
  // First in, last out: the locks outlive the connections. (To close any
  // descriptor of the database would also free SQLite's own locks on it.)
  const std::vector<ProcessLock> locks_;
  Mutex write_mutex_;
  Mutex read_mutex_;
  const std::unique_ptr<SqliteConnection> writer_
      SR_PT_GUARDED_BY(write_mutex_);
  const std::unique_ptr<SqliteConnection> reader_ SR_PT_GUARDED_BY(read_mutex_);
  const std::vector<SameFile> files_;
  const std::unique_ptr<WatermarkFile> watermark_
      SR_PT_GUARDED_BY(write_mutex_);
  const Uuid installation_id_;
  const Uuid replica_id_;
};

Status FillNewStore(const std::string& path, const Uuid& installation) {
  SR_ASSIGN_OR_RETURN(
      std::unique_ptr<SqliteConnection> db,
      SqliteConnection::Open(path, SqliteConnection::Mode::kReadWrite));
  SR_RETURN_IF_ERROR(db->Execute("PRAGMA synchronous = FULL"));
  SR_RETURN_IF_ERROR(MakeSchema(*db));
  SqlTransaction transaction(*db, Uuid());
  return transaction.PutSetting(kInstallationIdSetting,
                                installation.ToString());
}

// MakeStore makes the whole store under another name first: whatever stops it,
// there is either no store or a whole one, and an empty file is never taken
// for a new store.
Status MakeStore(const std::string& path, const Uuid& installation) {
  const std::string unfinished = path + ".new";
  std::remove(unfinished.c_str());
  std::remove((unfinished + "-journal").c_str());
  SR_RETURN_IF_ERROR(MakeFile(unfinished));
  Status status = FillNewStore(unfinished, installation);
  if (status.ok() && rename(unfinished.c_str(), path.c_str()) != 0) {
    status = FileFailure(errno, "rename to", path);
  }
  if (!status.ok()) {
    std::remove(unfinished.c_str());
    return status;
  }
  return SyncDirectory(path);
}

Status Configure(SqliteConnection& db) {
  SR_RETURN_IF_ERROR(db.Execute("PRAGMA journal_mode = WAL"));
  SR_RETURN_IF_ERROR(db.Execute("PRAGMA synchronous = FULL"));
  // Ids are random: each registered batch changes pages that no other one does.
  // They stay in memory, and come home from the journal many at a time: a page
  // that many commits changed is written once.
  SR_RETURN_IF_ERROR(db.Execute("PRAGMA cache_size = -65536"));
  SR_RETURN_IF_ERROR(db.Execute("PRAGMA wal_autocheckpoint = 16384"));
  // What is shredded is overwritten, not only unlinked.
  SR_RETURN_IF_ERROR(db.Execute("PRAGMA secure_delete = ON"));
  return db.Execute("PRAGMA foreign_keys = ON");
}

// Bury gives up what replicas of before have left: the process lock proves that
// they are dead. Mostly there is nothing, and nothing is written.
Status Bury(SqliteConnection& db, const Uuid& replica) {
  SR_ASSIGN_OR_RETURN(
      const int64_t left,
      db.QueryInt("SELECT (SELECT count(*) FROM leases) + (SELECT count(*) "
                  "FROM census_counts WHERE replica <> zeroblob(16))"));
  if (left == 0) return OkStatus();
  SR_RETURN_IF_ERROR(db.Execute("BEGIN IMMEDIATE"));
  Status status = db.Execute("DELETE FROM leases");
  if (status.ok()) status = SqlDependents(db, replica).FoldCensus();
  if (status.ok()) status = db.Execute("COMMIT");
  if (!status.ok() && db.in_transaction()) {
    Status ignored = db.Execute("ROLLBACK");
  }
  return status;
}

}  // namespace

// It finds what SQLite would report less clearly, or too late.
Status CheckSqliteFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return FileFailure(errno, "open the store for writing", path);
  struct stat about {};
  const int result = fstat(fd, &about);
  const int error = errno;
  // Nothing of SQLite's has the file open yet, so that closing loses no lock.
  close(fd);
  if (result != 0) return FileFailure(error, "look at the store", path);
  if (!S_ISREG(about.st_mode)) {
    return Error(Reason::kStoreCorrupt,
                 "store " + path + " is not a regular file; check the path");
  }
  if (about.st_nlink > 1) {
    return Error(Reason::kStoreUnavailable,
                 "store " + path + " has " + std::to_string(about.st_nlink) +
                     " names (hard links); want one, as its journal belongs to "
                     "a name: copy the file instead of linking it, and remove "
                     "the other name");
  }
  if (about.st_size == 0) {
    return Error(Reason::kStoreCorrupt,
                 "store " + path +
                     " is empty; want a store made by this program: restore a "
                     "backup, or remove the file to begin a new store (keys "
                     "of the old one are then unknown to it)");
  }
  return CheckPrivateFile(path);
}

StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteOptions& options) {
  SR_ASSIGN_OR_RETURN(const std::string path, RealPath(options.path));
  struct stat about {};
  if (lstat(path.c_str(), &about) != 0 && !options.create) {
    return Error(Reason::kStoreUnavailable,
                 "store " + path + " does not exist; check the path");
  }
  SqliteStore::Parts parts;
  SR_ASSIGN_OR_RETURN(ProcessLock lock, ProcessLock::Take(path + ".lock"));
  parts.locks.push_back(std::move(lock));
  // Another process may have made it before we had the lock.
  if (lstat(path.c_str(), &about) != 0) {
    SR_RETURN_IF_ERROR(
        MakeStore(path, options.installation_id.value_or(Uuid::Random())));
  }
  SR_RETURN_IF_ERROR(CheckSqliteFile(path));
  // A file mounted elsewhere has another lock file beside it.
  SR_ASSIGN_OR_RETURN(ProcessLock inode, ProcessLock::TakeInode(path));
  parts.locks.push_back(std::move(inode));

  SR_ASSIGN_OR_RETURN(
      parts.writer,
      SqliteConnection::Open(path, SqliteConnection::Mode::kReadWrite,
                             options.clock));
  SqliteConnection& writer = *parts.writer;
  if (writer.IsReadOnly()) {
    return Error(Reason::kStoreReadOnly,
                 "store " + path + " cannot be written; want it writable");
  }
  SR_ASSIGN_OR_RETURN(const int schema, Migrate(writer, path));
  SR_RETURN_IF_ERROR(Configure(writer));
  parts.replica_id = Uuid::Random();
  SR_RETURN_IF_ERROR(Bury(writer, parts.replica_id));
  SR_ASSIGN_OR_RETURN(parts.installation_id, ReadInstallationId(writer, path));
  SR_ASSIGN_OR_RETURN(const uint64_t change_seq,
                      SqlTransaction(writer, parts.replica_id).ChangeSeq());
  // A new store, and one from before there were watermarks, has none.
  const bool may_lack = change_seq == 0 || schema < kWatermarkSchema;
  SR_ASSIGN_OR_RETURN(
      parts.watermark,
      WatermarkFile::Open(path + ".seq", parts.installation_id,
                          may_lack ? std::optional(change_seq) : std::nullopt));
  SR_ASSIGN_OR_RETURN(parts.reader, SqliteConnection::Open(
                                        path, SqliteConnection::Mode::kReadOnly,
                                        options.clock));
  for (const char* suffix : {"", "-wal"}) {
    SR_ASSIGN_OR_RETURN(SameFile file, SameFile::Of(path + suffix));
    parts.files.push_back(std::move(file));
  }
  return std::unique_ptr<Store>(
      new SqliteStore(std::move(parts), options.metrics));
}

}  // namespace strongroom::store
