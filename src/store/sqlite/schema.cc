#include "store/sqlite/schema.h"

#include <iterator>

namespace strongroom::store {
namespace {

// Migration n (from 1) is kMigrations[n - 1]. One that was released is never
// changed: stores out there have run it. A step only adds; one that older
// programs must not use the store after puts its number into oldest_program.
constexpr const char* kMigrations[] = {
    R"sql(
CREATE TABLE settings(
  name TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counters(
  name TEXT PRIMARY KEY NOT NULL,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters(name, value) VALUES ('change_seq', 0), ('fencing', 0);

CREATE TABLE leases(
  name TEXT PRIMARY KEY NOT NULL,
  holder TEXT NOT NULL,
  fencing INTEGER NOT NULL,
  expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  name TEXT NOT NULL UNIQUE CHECK(length(name) BETWEEN 1 AND 128),
  labels TEXT NOT NULL,
  primary_version INTEGER NOT NULL,
  rotation_period_s INTEGER NOT NULL,
  next_rotation_us INTEGER NOT NULL,
  max_items INTEGER NOT NULL,
  max_age_ms INTEGER NOT NULL,
  destroy_after_s INTEGER NOT NULL,
  created_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE versions(
  key_id BLOB NOT NULL REFERENCES keys(id),
  version INTEGER NOT NULL CHECK(version BETWEEN 1 AND 2147483647),
  kek_id BLOB NOT NULL UNIQUE CHECK(length(kek_id) = 16),
  state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 5),
  known_answer BLOB NOT NULL,
  seals_reserved INTEGER NOT NULL CHECK(seals_reserved >= 0),
  created_us INTEGER NOT NULL,
  destroy_us INTEGER NOT NULL,
  destroying INTEGER NOT NULL CHECK(destroying IN (0, 1)),
  PRIMARY KEY(key_id, version)
) STRICT, WITHOUT ROWID;
)sql",
    R"sql(
ALTER TABLE versions
  ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK(held IN (0, 1));
)sql",

    // Registered DEKs.
    R"sql(
ALTER TABLE keys ADD COLUMN registration INTEGER NOT NULL DEFAULT 0
  CHECK(registration BETWEEN 0 AND 2);

CREATE TABLE batches(
  batch_id BLOB PRIMARY KEY NOT NULL CHECK(length(batch_id) = 16),
  key_id BLOB NOT NULL REFERENCES keys(id),
  version INTEGER NOT NULL CHECK(version BETWEEN 1 AND 2147483647),
  header BLOB NOT NULL,
  deks INTEGER NOT NULL CHECK(deks > 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_by_key ON batches(key_id, batch_id);
CREATE INDEX batches_by_version ON batches(key_id, version, batch_id);

CREATE TABLE deks(
  batch_id BLOB NOT NULL REFERENCES batches(batch_id),
  dek_index INTEGER NOT NULL CHECK(dek_index BETWEEN 0 AND 65535),
  leaf BLOB NOT NULL,
  labels TEXT NOT NULL,
  reference TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  PRIMARY KEY(batch_id, dek_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE tombstones(
  batch_id BLOB NOT NULL CHECK(length(batch_id) = 16),
  dek_index INTEGER NOT NULL,
  key_id BLOB NOT NULL,
  shredded_us INTEGER NOT NULL,
  PRIMARY KEY(batch_id, dek_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE registrations(
  caller TEXT NOT NULL,
  request_id BLOB NOT NULL CHECK(length(request_id) = 16),
  key_id BLOB NOT NULL,
  ids BLOB NOT NULL,
  made_us INTEGER NOT NULL,
  PRIMARY KEY(caller, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX registrations_by_age ON registrations(made_us);

CREATE TABLE census(
  key_id BLOB NOT NULL REFERENCES keys(id),
  version INTEGER NOT NULL,
  batches INTEGER NOT NULL CHECK(batches >= 0),
  deks INTEGER NOT NULL CHECK(deks >= 0),
  closed INTEGER NOT NULL CHECK(closed IN (0, 1)),
  PRIMARY KEY(key_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  key_id BLOB NOT NULL REFERENCES keys(id),
  state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 5),
  from_versions BLOB NOT NULL,
  batches_per_second INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  updated_us INTEGER NOT NULL,
  finished_us INTEGER NOT NULL,
  batches_total INTEGER NOT NULL,
  deks_total INTEGER NOT NULL,
  batches_moved INTEGER NOT NULL,
  deks_moved INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  waits_for TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_by_key ON jobs(key_id, created_us);
CREATE INDEX jobs_by_state ON jobs(state, created_us);

CREATE TABLE job_failures(
  job_id BLOB NOT NULL REFERENCES jobs(id),
  batch_id BLOB NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  PRIMARY KEY(job_id, batch_id)
) STRICT, WITHOUT ROWID;
)sql",

    // What depends on a version beside registered DEKs; retirement. Versions
    // that are there already may have wrapped anything.
    R"sql(
ALTER TABLE keys ADD COLUMN always_required INTEGER NOT NULL DEFAULT 0
  CHECK(always_required IN (0, 1));
ALTER TABLE keys ADD COLUMN rewrap_on_rotation INTEGER NOT NULL DEFAULT 0
  CHECK(rewrap_on_rotation IN (0, 1));
ALTER TABLE keys ADD COLUMN retire_after_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN retired INTEGER NOT NULL DEFAULT 0
  CHECK(retired IN (0, 1));

CREATE TABLE uses(
  key_id BLOB NOT NULL REFERENCES keys(id),
  version INTEGER NOT NULL,
  issued INTEGER NOT NULL CHECK(issued >= 0),
  uncounted INTEGER NOT NULL CHECK(uncounted IN (0, 1)),
  first_issued_us INTEGER NOT NULL,
  last_issued_us INTEGER NOT NULL,
  last_opened_us INTEGER NOT NULL,
  PRIMARY KEY(key_id, version)
) STRICT, WITHOUT ROWID;
INSERT INTO uses SELECT key_id, version, 0, 1, 0, 0, 0 FROM versions
  WHERE state > 1;

CREATE TABLE claims(
  key_id BLOB NOT NULL REFERENCES keys(id),
  version INTEGER NOT NULL,
  caller TEXT NOT NULL,
  source TEXT NOT NULL,
  objects INTEGER NOT NULL CHECK(objects >= 0),
  reported_us INTEGER NOT NULL,
  PRIMARY KEY(key_id, version, caller, source)
) STRICT, WITHOUT ROWID;
)sql",

    // Reports of rewrap jobs.
    R"sql(
CREATE TABLE job_reports(
  job_id BLOB PRIMARY KEY NOT NULL REFERENCES jobs(id),
  from_versions BLOB NOT NULL,
  to_versions BLOB NOT NULL,
  leaves_before BLOB NOT NULL,
  leaves_after BLOB NOT NULL,
  document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql",

    // What a batch's leaves were. Of those that are there it is not known.
    R"sql(
ALTER TABLE batches ADD COLUMN leaves BLOB NOT NULL DEFAULT x'';
)sql",

    // A job's own share of the token.
    R"sql(
ALTER TABLE jobs ADD COLUMN min_share INTEGER NOT NULL DEFAULT 0;
)sql",

    // Counters by replica (the nil id: those that are gone), and what closes a
    // version beside its state; the newest change with its id; KEKs that were
    // given up while they were made. The table
    // `census` and the counter `change_seq` are as they were at this step, and
    // nothing reads them any more.
    R"sql(
ALTER TABLE versions ADD COLUMN closed INTEGER NOT NULL DEFAULT 0
  CHECK(closed IN (0, 1));
UPDATE versions SET closed = 1 WHERE EXISTS (SELECT 1 FROM census c WHERE
  c.key_id = versions.key_id AND c.version = versions.version AND
  c.closed = 1);

CREATE TABLE census_counts(
  key_id BLOB NOT NULL REFERENCES keys(id),
  version INTEGER NOT NULL,
  replica BLOB NOT NULL CHECK(length(replica) = 16),
  batches INTEGER NOT NULL,
  deks INTEGER NOT NULL,
  PRIMARY KEY(key_id, version, replica)
) STRICT, WITHOUT ROWID;
INSERT INTO census_counts SELECT key_id, version, zeroblob(16), batches, deks
  FROM census;

CREATE TABLE removed_keks(
  kek_id BLOB PRIMARY KEY NOT NULL CHECK(length(kek_id) = 16),
  key_id BLOB NOT NULL,
  version INTEGER NOT NULL,
  removed_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE last_change(
  one INTEGER PRIMARY KEY NOT NULL CHECK(one = 1),
  seq INTEGER NOT NULL,
  id BLOB NOT NULL CHECK(length(id) = 16)
) STRICT, WITHOUT ROWID;
INSERT INTO last_change SELECT 1, value, zeroblob(16) FROM counters
  WHERE name = 'change_seq';

CREATE TABLE oldest_program(
  one INTEGER PRIMARY KEY NOT NULL CHECK(one = 1),
  schema INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO oldest_program VALUES (1, 8);
)sql",
};

std::string SetVersionSql(int version) {
  return "PRAGMA user_version = " + std::to_string(version);
}

// user_version and application_id live on page 1, so they change with the
// transaction.
Status RunMigration(SqliteConnection& db, int version) {
  SR_RETURN_IF_ERROR(db.Execute("BEGIN IMMEDIATE"));
  Status status = db.Execute(kMigrations[version - 1]);
  if (status.ok()) status = db.Execute(SetVersionSql(version).c_str());
  if (status.ok()) status = db.Execute("COMMIT");
  if (!status.ok() && db.in_transaction()) {
    Status ignored = db.Execute("ROLLBACK");
  }
  return status;
}

}  // namespace

int SchemaVersion() { return static_cast<int>(std::size(kMigrations)); }

Status MakeSchema(SqliteConnection& db) {
  const std::string mark =
      "PRAGMA application_id = " + std::to_string(kApplicationId);
  SR_RETURN_IF_ERROR(db.Execute(mark.c_str()));
  for (int version = 1; version <= SchemaVersion(); ++version) {
    SR_RETURN_IF_ERROR(RunMigration(db, version));
  }
  return OkStatus();
}

StatusOr<Schema> ReadSchema(SqliteConnection& db, const std::string& path) {
  SR_ASSIGN_OR_RETURN(const int64_t application,
                      db.QueryInt("PRAGMA application_id"));
  SR_ASSIGN_OR_RETURN(const int64_t found, db.QueryInt("PRAGMA user_version"));
  if (application != kApplicationId || found < 1) {
    return Error(
        Reason::kStoreCorrupt,
        "store " + path + " is a database of another program (application id " +
            std::to_string(application) + ", schema " + std::to_string(found) +
            "; want application id " + std::to_string(kApplicationId) +
            "); nothing was changed: check the path");
  }
  Schema schema{static_cast<int>(found), static_cast<int>(found)};
  if (found >= kOldestProgramSchema) {
    SR_ASSIGN_OR_RETURN(const int64_t oldest,
                        db.QueryInt("SELECT schema FROM oldest_program"));
    schema.oldest_program = static_cast<int>(oldest);
  }
  if (found > SchemaVersion() && schema.oldest_program > SchemaVersion()) {
    return Error(Reason::kStoreSchemaNewer,
                 "store " + path + " has schema " + std::to_string(found) +
                     " for programs that know schema " +
                     std::to_string(schema.oldest_program) +
                     ", and this program knows schemas up to " +
                     std::to_string(SchemaVersion()) +
                     "; nothing was changed: run the newer program that wrote "
                     "it, or restore the backup made before the upgrade");
  }
  return schema;
}

StatusOr<int> Migrate(SqliteConnection& db, const std::string& path) {
  SR_ASSIGN_OR_RETURN(const Schema found, ReadSchema(db, path));
  for (int version = found.version + 1; version <= SchemaVersion(); ++version) {
    SR_RETURN_IF_ERROR(RunMigration(db, version));
  }
  return found.version;
}

}  // namespace strongroom::store
