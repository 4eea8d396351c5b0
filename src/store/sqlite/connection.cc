#include "store/sqlite/connection.h"

#include <sqlite3.h>

#include "store/sqlite/file_errors.h"

namespace strongroom::store {
namespace {

// Nobody else writes (the process lock), but an operator's sqlite3 may look.
constexpr int kBusyTimeoutMs = 2000;

Reason ReasonOfCode(int code, int system_error) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return Reason::kStoreFull;
    case SQLITE_READONLY:
      return Reason::kStoreReadOnly;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Reason::kStoreCorrupt;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (MeansFull(system_error)) return Reason::kStoreFull;
      if (system_error == EROFS) return Reason::kStoreReadOnly;
      return Reason::kStoreUnavailable;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_PERM:
      return Reason::kStoreUnavailable;
    default:
      return Reason::kInternal;
  }
}

int LastErrno(sqlite3* db, int which) {
  sqlite3_file* file = nullptr;
  int error = 0;
  if (sqlite3_file_control(db, "main", which, &file) != SQLITE_OK ||
      file == nullptr || file->pMethods == nullptr ||
      file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) !=
          SQLITE_OK) {
    return 0;
  }
  return error;
}

// The cause of a failure. Of a write SQLite's own answer is the errno of
// whatever it did since (a rollback); its files remember better.
int SystemErrorOf(sqlite3* db, int code) {
  if (code == SQLITE_IOERR_WRITE) {
    for (int which :
         {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER}) {
      if (int error = LastErrno(db, which); MeansFull(error)) return error;
    }
  }
  return sqlite3_system_errno(db);
}

std::string_view Advice(Reason reason) {
  switch (reason) {
    case Reason::kStoreFull:
      return "; nothing was changed: free space on its disk";
    case Reason::kStoreReadOnly:
      return "; want the file and its directory writable";
    case Reason::kStoreCorrupt:
      return "; want a store made by this program: check the path, or restore "
             "a backup (the KEKs on the token are not touched)";
    case Reason::kStoreUnavailable:
      return "; check the disk, and that no other program has the file open";
    default:
      return "";
  }
}

class SqliteCursor final : public Cursor {
 public:
  SqliteCursor(const SqliteConnection& connection, sqlite3_stmt* statement)
      : connection_(connection), statement_(statement) {}
  ~SqliteCursor() override { sqlite3_finalize(statement_); }
  SqliteCursor(const SqliteCursor&) = delete;
  SqliteCursor& operator=(const SqliteCursor&) = delete;

  // A failed bind (out of memory, wrong index) shows in Step: SQLITE_STATIC
  // means that nothing is copied, and parameters not bound are NULL, which no
  // column of ours takes.
  void BindInt(int index, int64_t value) override {
    sqlite3_bind_int64(statement_, index, value);
  }
  void BindText(int index, std::string_view value) override {
    sqlite3_bind_text64(statement_, index, value.empty() ? "" : value.data(),
                        value.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  void BindBlob(int index, ByteView value) override {
    // A null pointer would be NULL, not the empty blob.
    static constexpr uint8_t kEmpty = 0;
    sqlite3_bind_blob64(statement_, index,
                        value.empty() ? &kEmpty : value.data(), value.size(),
                        SQLITE_STATIC);
  }
  StatusOr<bool> Step() override {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return connection_.Failure(code, "run a statement");
  }
  int64_t Int(int column) const override {
    return sqlite3_column_int64(statement_, column);
  }
  std::string_view Text(int column) const override {
    const auto* text = sqlite3_column_text(statement_, column);
    if (text == nullptr) return {};
    return {reinterpret_cast<const char*>(text),
            static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
  }
  ByteView Blob(int column) const override {
    const auto* data =
        static_cast<const uint8_t*>(sqlite3_column_blob(statement_, column));
    if (data == nullptr) return {};
    return {data,
            static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
  }
  int64_t changed() const override {
    return sqlite3_changes64(sqlite3_db_handle(statement_));
  }
  void Reset() override {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

 private:
  const SqliteConnection& connection_;
  sqlite3_stmt* const statement_;
};

}  // namespace

StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(
    const std::string& path, Mode mode, const Clock& clock) {
  const int flags = (mode == Mode::kReadWrite ? SQLITE_OPEN_READWRITE
                                              : SQLITE_OPEN_READONLY) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  if (db == nullptr) {
    return Error(Reason::kStoreUnavailable,
                 "open store " + path + ": out of memory; free some");
  }
  std::unique_ptr<SqliteConnection> connection(
      new SqliteConnection(path, db, clock));
  if (code != SQLITE_OK) return connection->Failure(code, "open it");
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  // The schema is data that others may have written: none of its functions and
  // views may reach out of the file.
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return connection;
}

SqliteConnection::~SqliteConnection() {
  cursors_.clear();
  sqlite3_close(db_);
}

Status SqliteConnection::Execute(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return OkStatus();
  return Failure(code, "run a statement");
}

StatusOr<Cursor*> SqliteConnection::Find(std::string_view sql) {
  auto found = cursors_.find(sql);
  if (found != cursors_.end()) return found->second.get();
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Failure(code, "prepare a statement");
  auto cursor = std::make_unique<SqliteCursor>(*this, statement);
  return cursors_.emplace(sql, std::move(cursor)).first->second.get();
}

StatusOr<int64_t> SqliteConnection::LeaseTime() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             clock_.Steady().time_since_epoch())
      .count();
}

bool SqliteConnection::in_transaction() const {
  return sqlite3_get_autocommit(db_) == 0;
}

bool SqliteConnection::IsReadOnly() const {
  return sqlite3_db_readonly(db_, "main") != 0;
}

Status SqliteConnection::Failure(int code, std::string_view doing) const {
  const Reason reason = ReasonOfCode(code, SystemErrorOf(db_, code));
  std::string message = "store " + path_ + ": " + std::string(doing) + ": " +
                        sqlite3_errmsg(db_) + " (SQLite " +
                        std::to_string(code) + ")";
  message += Advice(reason);
  return Error(reason, message);
}

}  // namespace strongroom::store
