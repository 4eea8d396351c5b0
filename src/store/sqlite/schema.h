// The schema and its numbered migrations.
#pragma once

#include "store/sqlite/connection.h"
#include "strongroom/base/status.h"

namespace strongroom::store {

// "SRKM", in the header of every file of ours.
inline constexpr int kApplicationId = 0x53524b4d;
// The schema that this program writes: the number of its migrations.
int SchemaVersion();

// The first schema that says which programs may use it.
inline constexpr int kOldestProgramSchema = 8;

// Schema has the two numbers of a store: its own, and the lowest SchemaVersion
// of a program that may use it as it is.
struct Schema {
  int version = 0;
  int oldest_program = 0;
};
// ReadSchema changes nothing. STORE_CORRUPT if it is no store of ours,
// STORE_SCHEMA_NEWER if this program may not use it.
StatusOr<Schema> ReadSchema(SqliteConnection& db, const std::string& path);

// Migrate brings a store of ours up to SchemaVersion(), each step in one
// transaction, and gives the schema that it had, which may be a newer one.
// As ReadSchema.
StatusOr<int> Migrate(SqliteConnection& db, const std::string& path);

// MakeSchema fills an empty database. Wants to be alone with the file.
Status MakeSchema(SqliteConnection& db);

}  // namespace strongroom::store
