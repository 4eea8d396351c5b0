// Connection and Statement: all that the transaction wants of a database.
//
// A dialect implements Cursor and Connection. The statements themselves are
// written once, in SQL that SQLite and PostgreSQL both take: '?' parameters,
// INSERT .. ON CONFLICT, no REPLACE, no functions of one of them alone.
// Thread rule: one thread at a time per Connection; the owner holds a lock.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"

namespace strongroom::store {

// STORE_CORRUPT: a column has what this program cannot have written.
Status CorruptRow(std::string_view what);

// Cursor is a prepared statement of a database. What is bound must outlive
// Step; what is read is good until the next Step or Reset.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual void BindInt(int index, int64_t value) = 0;
  virtual void BindText(int index, std::string_view value) = 0;
  virtual void BindBlob(int index, ByteView value) = 0;
  // Step is true if there is a row to read. STORE_*.
  virtual StatusOr<bool> Step() = 0;
  virtual int64_t Int(int column) const = 0;
  virtual std::string_view Text(int column) const = 0;
  virtual ByteView Blob(int column) const = 0;
  // Rows that the statement changed, after its last Step.
  virtual int64_t changed() const = 0;
  virtual void Reset() = 0;
};

// Row reads the columns of one row, as the types that rows have.
class Row {
 public:
  explicit Row(const Cursor& cursor) : cursor_(cursor) {}

  int64_t Int(int column) const { return cursor_.Int(column); }
  uint32_t U32(int column) const { return static_cast<uint32_t>(Int(column)); }
  uint64_t U64(int column) const { return static_cast<uint64_t>(Int(column)); }
  bool Bool(int column) const { return Int(column) != 0; }
  std::string Text(int column) const {
    return std::string(cursor_.Text(column));
  }
  Bytes Blob(int column) const {
    const ByteView view = BlobView(column);
    return Bytes(view.begin(), view.end());
  }
  ByteView BlobView(int column) const { return cursor_.Blob(column); }
  WallTime Time(int column) const {
    return WallTime(std::chrono::microseconds(Int(column)));
  }
  // STORE_CORRUPT if the column does not hold 16 bytes.
  StatusOr<Uuid> Id(int column) const;

 private:
  const Cursor& cursor_;
};

// Statement is a loan of a prepared statement; its end resets it.
class Statement {
 public:
  explicit Statement(Cursor& cursor) : cursor_(&cursor) {}
  Statement(Statement&& other) noexcept
      : cursor_(std::exchange(other.cursor_, nullptr)) {}
  Statement& operator=(Statement&&) = delete;
  ~Statement() {
    if (cursor_ != nullptr) cursor_->Reset();
  }

  // Bind sets all parameters, in order.
  template <typename... Values>
  Statement& Bind(const Values&... values) {
    int index = 0;
    (BindOne(++index, values), ...);
    return *this;
  }
  StatusOr<bool> Step() { return cursor_->Step(); }
  Row row() const { return Row(*cursor_); }
  // Change steps to the end, and gives how many rows were changed.
  StatusOr<int64_t> Change();

 private:
  // The databases have no unsigned integers.
  template <typename Number>
  requires(std::integral<Number> ||
           std::is_enum_v<Number>) void BindOne(int index, Number value) {
    cursor_->BindInt(index, static_cast<int64_t>(value));
  }
  void BindOne(int index, std::string_view value) {
    cursor_->BindText(index, value);
  }
  void BindOne(int index, const std::string& value) {
    cursor_->BindText(index, value);
  }
  void BindOne(int index, ByteView value) { cursor_->BindBlob(index, value); }
  void BindOne(int index, const Bytes& value) {
    cursor_->BindBlob(index, value);
  }
  void BindOne(int index, const Uuid& value) {
    cursor_->BindBlob(index, value.bytes());
  }
  void BindOne(int index, WallTime value) {
    cursor_->BindInt(index, value.time_since_epoch().count());
  }

  Cursor* cursor_;
};

class Connection {
 public:
  virtual ~Connection() = default;

  // Execute runs statements that have no parameters and whose rows do not
  // matter. STORE_*; INTERNAL for faults of ours.
  virtual Status Execute(const char* sql) = 0;
  // LeaseTime is now, in microseconds, on the clock that leases are counted by:
  // one for all replicas of the store, which stands still for none of them.
  virtual StatusOr<int64_t> LeaseTime() = 0;
  // Prepare lends the statement for `sql`, a literal. Not twice at a time.
  StatusOr<Statement> Prepare(std::string_view sql);

  // Change runs one statement, and gives how many rows it changed.
  template <typename... Values>
  StatusOr<int64_t> Change(std::string_view sql, const Values&... values) {
    SR_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
    return statement.Bind(values...).Change();
  }
  template <typename... Values>
  Status Run(std::string_view sql, const Values&... values) {
    return Change(sql, values...).status();
  }
  // Any: does the statement give a row?
  template <typename... Values>
  StatusOr<bool> Any(std::string_view sql, const Values&... values) {
    SR_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
    return statement.Bind(values...).Step();
  }
  // All gives each row as `read`, a StatusOr<T>(const Row&), understands it.
  template <typename Read, typename... Values>
  auto All(std::string_view sql, const Read& read, const Values&... values)
      -> StatusOr<std::vector<
          typename decltype(read(std::declval<const Row&>()))::value_type>> {
    std::vector<typename decltype(read(std::declval<const Row&>()))::value_type>
        rows;
    SR_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
    statement.Bind(values...);
    for (;;) {
      SR_ASSIGN_OR_RETURN(const bool more, statement.Step());
      if (!more) return rows;
      SR_ASSIGN_OR_RETURN(auto row, read(statement.row()));
      rows.push_back(std::move(row));
    }
  }
  // One gives the first row, if there is one.
  template <typename Read, typename... Values>
  auto One(std::string_view sql, const Read& read, const Values&... values)
      -> StatusOr<std::optional<
          typename decltype(read(std::declval<const Row&>()))::value_type>> {
    using Found =
        typename decltype(read(std::declval<const Row&>()))::value_type;
    SR_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
    SR_ASSIGN_OR_RETURN(const bool found, statement.Bind(values...).Step());
    if (!found) return std::optional<Found>();
    SR_ASSIGN_OR_RETURN(Found row, read(statement.row()));
    return std::optional<Found>(std::move(row));
  }
  // QueryInt gives the one number that `sql` asks for; STORE_CORRUPT if there
  // is no row.
  StatusOr<int64_t> QueryInt(std::string_view sql);

 protected:
  // Find gives the cursor for `sql`, which the connection keeps.
  virtual StatusOr<Cursor*> Find(std::string_view sql) = 0;
};

}  // namespace strongroom::store
