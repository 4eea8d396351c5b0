// Connection and Statement: SQLite as RAII, with our errors.
//
// Thread rule: one thread at a time per Connection; the owner holds a lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace strongroom::store {

class Connection;

// Statement is a loan of a cached prepared statement; its end resets it.
class Statement {
 public:
  Statement(Statement&& other) noexcept
      : connection_(other.connection_), statement_(other.statement_) {
    other.statement_ = nullptr;
  }
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Bind sets all parameters, in order. What is bound must outlive Step.
  template <typename... Values>
  Statement& Bind(const Values&... values) {
    int index = 0;
    (BindAt(++index, values), ...);
    return *this;
  }
  // Step is true if there is a row to read.
  StatusOr<bool> Step();
  // Run steps to the end of a statement without rows.
  Status Run();

  int64_t Int(int column) const;
  std::string Text(int column) const;
  Bytes Blob(int column) const;
  // BlobView is good until the next Step.
  ByteView BlobView(int column) const;

 private:
  friend class Connection;
  Statement(Connection& connection, sqlite3_stmt* statement)
      : connection_(connection), statement_(statement) {}
  void BindAt(int index, int64_t value);
  void BindAt(int index, std::string_view value);
  void BindAt(int index, ByteView value);

  Connection& connection_;
  sqlite3_stmt* statement_;
};

class Connection {
 public:
  enum class Mode { kReadWrite, kReadOnly };
  // Open wants the file to exist. It checks nothing inside it.
  static StatusOr<std::unique_ptr<Connection>> Open(const std::string& path,
                                                    Mode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Execute runs statements that give no rows (or whose rows do not matter).
  Status Execute(const char* sql);
  // Prepare lends the statement for `sql`, a literal. Not twice at a time.
  StatusOr<Statement> Prepare(std::string_view sql);
  // QueryInt gives the one number that `sql` asks for.
  StatusOr<int64_t> QueryInt(std::string_view sql);

  // Rows changed by the last statement.
  int64_t changes() const;
  bool in_transaction() const;
  // True if the file cannot be written though writing was asked for.
  bool IsReadOnly() const;
  // Failure makes the error of a result code: STORE_FULL, STORE_READ_ONLY,
  // STORE_CORRUPT, STORE_UNAVAILABLE; INTERNAL for faults of ours.
  Status Failure(int code, std::string_view doing) const;

 private:
  Connection(std::string path, sqlite3* db) : path_(std::move(path)), db_(db) {}
  friend class Statement;

  const std::string path_;
  sqlite3* const db_;
  std::map<std::string_view, sqlite3_stmt*> statements_;
};

}  // namespace strongroom::store
