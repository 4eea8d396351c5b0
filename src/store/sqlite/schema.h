// The schema and its numbered migrations.
#pragma once

#include "store/sqlite/connection.h"
#include "strongroom/base/status.h"

namespace strongroom::store {

// "SRKM", in the header of every file of ours.
inline constexpr int kApplicationId = 0x53524b4d;
// The schema that this program writes: the number of its migrations.
int SchemaVersion();

// CheckIsStore judges a file by its application_id and user_version:
// STORE_CORRUPT if it is none of ours, STORE_SCHEMA_NEWER.
Status CheckIsStore(const std::string& path, int64_t application,
                    int64_t found);

// Migrate brings a store of ours up to SchemaVersion(), each step in one
// transaction, and gives the schema that it had. STORE_CORRUPT if it is not
// ours, STORE_SCHEMA_NEWER.
StatusOr<int> Migrate(SqliteConnection& db, const std::string& path);

// MakeSchema fills an empty database. Wants to be alone with the file.
Status MakeSchema(SqliteConnection& db);

}  // namespace strongroom::store
