// The embedded store: one SQLite file, for one process.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "strongroom/base/clock.h"
#include "strongroom/base/metrics.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "strongroom/store/store.h"

namespace strongroom::store {

struct SqliteOptions {
  std::string path;
  bool create = true;  // make it if absent
  // Of a new store, whose KEKs are on the token already; else a random one.
  std::optional<Uuid> installation_id{};
  Metrics& metrics = NullMetrics();
  const Clock& clock = Clock::System();  // by which leases run out
};

// OpenSqliteStore opens or makes the database (mode 0600), takes the
// one-process lock, runs the migrations, and frees every lease and adds up
// the counters of earlier replicas: they are dead, or would hold the lock. The
// lock is <path>.lock, where path is the real one, and the inode of the
// database: no second name of the file lets a second process in. The watermark
// is <path>.seq. STORE_SCHEMA_NEWER if a later program wrote it that does not
// let this one use it, STORE_LOCKED if another process has it, STORE_READ_ONLY,
// STORE_CORRUPT (damaged, or not a store of ours), STORE_FULL,
// STORE_UNAVAILABLE, FILE_NOT_PRIVATE. Update is STORE_UNAVAILABLE from when
// the path does not lead to the file that was opened any more.
StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteOptions& options);

// CheckSqliteFile is what OpenSqliteStore refuses of an existing file before it
// opens it as a database: one that cannot be read and written, is not a regular
// file, has a second name, is empty, or can be used by others. It changes
// nothing. Not for a store that this process has open: closing the file would
// lose SQLite's locks.
Status CheckSqliteFile(const std::string& path);

}  // namespace strongroom::store
