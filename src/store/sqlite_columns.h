// What every file that reads and writes rows of SQLite needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/sqlite_connection.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"

namespace strongroom::store {

// SQLite has no unsigned integers.
inline int64_t I(uint64_t value) { return static_cast<int64_t>(value); }

// STORE_CORRUPT: a column has what this program cannot have written.
inline Status CorruptRow(std::string_view what) {
  return Error(Reason::kStoreCorrupt, "a row of the store has a wrong " +
                                          std::string(what) +
                                          "; restore a backup of the store");
}

// STORE_CORRUPT if the column does not hold 16 bytes.
inline StatusOr<Uuid> ReadUuid(const Statement& row, int column) {
  StatusOr<Uuid> id = Uuid::FromBytes(row.Blob(column));
  if (!id.ok()) return CorruptRow("id");
  return id;
}

}  // namespace strongroom::store
