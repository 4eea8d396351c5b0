// SqliteConnection: SQLite as a Connection, with our errors.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "store/sql/connection.h"
#include "strongroom/base/clock.h"

struct sqlite3;

namespace strongroom::store {

class SqliteConnection final : public Connection {
 public:
  enum class Mode { kReadWrite, kReadOnly };
  // Open wants the file to exist. It checks nothing inside it. The clock counts
  // leases.
  static StatusOr<std::unique_ptr<SqliteConnection>> Open(
      const std::string& path, Mode mode, const Clock& clock = Clock::System());
  ~SqliteConnection() override;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  Status Execute(const char* sql) override;
  // One process has the store, and frees all leases at its start.
  StatusOr<int64_t> LeaseTime() override;
  bool in_transaction() const;
  // True if the file cannot be written though writing was asked for.
  bool IsReadOnly() const;
  // Failure makes the error of a result code: STORE_FULL, STORE_READ_ONLY,
  // STORE_CORRUPT, STORE_UNAVAILABLE; INTERNAL for faults of ours.
  Status Failure(int code, std::string_view doing) const;

 private:
  SqliteConnection(std::string path, sqlite3* db, const Clock& clock)
      : path_(std::move(path)), db_(db), clock_(clock) {}
  StatusOr<Cursor*> Find(std::string_view sql) override;

  const std::string path_;
  sqlite3* const db_;
  const Clock& clock_;
  // Keyed by the literals' text.
  std::map<std::string_view, std::unique_ptr<Cursor>> cursors_;
};

}  // namespace strongroom::store
