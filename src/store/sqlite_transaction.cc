#include "store/sqlite_transaction.h"

#include "store/row_codec.h"
#include "store/sqlite_columns.h"

namespace strongroom::store {
namespace {

// X-macros would hide more than they save: the column lists are written once
// here and read by index below.
#define STRONGROOM_KEY_COLUMNS                                             \
  "id, name, labels, primary_version, rotation_period_s, "                 \
  "next_rotation_us, max_items, max_age_ms, destroy_after_s, created_us, " \
  "registration, always_required, rewrap_on_rotation, retire_after_s"
#define STRONGROOM_VERSION_COLUMNS                                 \
  "key_id, version, kek_id, state, known_answer, seals_reserved, " \
  "created_us, destroy_us, destroying, held, retired"

StatusOr<KeyRow> ReadKey(const Statement& row) {
  KeyRow key;
  SR_ASSIGN_OR_RETURN(key.id, ReadUuid(row, 0));
  key.name = row.Text(1);
  SR_ASSIGN_OR_RETURN(key.labels, DecodeLabels(row.Text(2)));
  key.primary_version = static_cast<uint32_t>(row.Int(3));
  key.rotation_period_s = row.Int(4);
  key.next_rotation = DecodeTime(row.Int(5));
  key.max_items = static_cast<uint32_t>(row.Int(6));
  key.max_age_ms = row.Int(7);
  key.destroy_after_s = row.Int(8);
  key.created = DecodeTime(row.Int(9));
  const int64_t registration = row.Int(10);
  if (registration < 0 || registration > 2) return CorruptRow("rule");
  key.registration = static_cast<RegistrationRule>(registration);
  key.always_required = row.Int(11) != 0;
  key.rewrap_on_rotation = row.Int(12) != 0;
  key.retire_after_s = row.Int(13);
  return key;
}

StatusOr<VersionRow> ReadVersion(const Statement& row) {
  VersionRow version;
  SR_ASSIGN_OR_RETURN(version.key_id, ReadUuid(row, 0));
  version.version = static_cast<uint32_t>(row.Int(1));
  SR_ASSIGN_OR_RETURN(version.kek_id, ReadUuid(row, 2));
  const int64_t state = row.Int(3);
  if (state < 1 || state > 5) return CorruptRow("state");
  version.state = static_cast<VersionState>(state);
  version.known_answer = row.Blob(4);
  version.seals_reserved = static_cast<uint64_t>(row.Int(5));
  version.created = DecodeTime(row.Int(6));
  version.destroy_time = DecodeTime(row.Int(7));
  version.destroying = row.Int(8) != 0;
  version.held = row.Int(9) != 0;
  version.retired = row.Int(10) != 0;
  return version;
}

StatusOr<std::vector<VersionRow>> ReadVersions(Statement statement) {
  std::vector<VersionRow> versions;
  for (;;) {
    SR_ASSIGN_OR_RETURN(const bool more, statement.Step());
    if (!more) return versions;
    SR_ASSIGN_OR_RETURN(VersionRow version, ReadVersion(statement));
    versions.push_back(std::move(version));
  }
}

StatusOr<std::optional<KeyRow>> ReadOneKey(Statement statement) {
  SR_ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) return std::optional<KeyRow>();
  SR_ASSIGN_OR_RETURN(KeyRow key, ReadKey(statement));
  return std::optional<KeyRow>(std::move(key));
}

}  // namespace

StatusOr<std::optional<KeyRow>> SqliteTransaction::GetKey(const Uuid& id) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT " STRONGROOM_KEY_COLUMNS " FROM keys WHERE id = ?"));
  statement.Bind(id.bytes());
  return ReadOneKey(std::move(statement));
}

StatusOr<std::optional<KeyRow>> SqliteTransaction::FindKey(
    std::string_view name) {
  SR_ASSIGN_OR_RETURN(Statement statement,
                      db_.Prepare("SELECT " STRONGROOM_KEY_COLUMNS
                                  " FROM keys WHERE name = ?"));
  statement.Bind(name);
  return ReadOneKey(std::move(statement));
}

StatusOr<std::vector<KeyRow>> SqliteTransaction::AllKeys() {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT " STRONGROOM_KEY_COLUMNS " FROM keys ORDER BY name"));
  std::vector<KeyRow> keys;
  for (;;) {
    SR_ASSIGN_OR_RETURN(const bool more, statement.Step());
    if (!more) return keys;
    SR_ASSIGN_OR_RETURN(KeyRow key, ReadKey(statement));
    keys.push_back(std::move(key));
  }
}

StatusOr<std::vector<VersionRow>> SqliteTransaction::VersionsOf(
    const Uuid& key_id) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT " STRONGROOM_VERSION_COLUMNS
                  " FROM versions WHERE key_id = ? ORDER BY version"));
  statement.Bind(key_id.bytes());
  return ReadVersions(std::move(statement));
}

StatusOr<std::vector<VersionRow>> SqliteTransaction::AllVersions() {
  SR_ASSIGN_OR_RETURN(Statement statement,
                      db_.Prepare("SELECT " STRONGROOM_VERSION_COLUMNS
                                  " FROM versions ORDER BY key_id, version"));
  return ReadVersions(std::move(statement));
}

StatusOr<std::optional<std::string>> SqliteTransaction::GetSetting(
    std::string_view name) {
  SR_ASSIGN_OR_RETURN(Statement statement,
                      db_.Prepare("SELECT value FROM settings WHERE name = ?"));
  statement.Bind(name);
  SR_ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) return std::optional<std::string>();
  return std::optional<std::string>(statement.Text(0));
}

StatusOr<uint64_t> SqliteTransaction::ChangeSeq() {
  SR_ASSIGN_OR_RETURN(
      const int64_t value,
      db_.QueryInt("SELECT value FROM counters WHERE name = 'change_seq'"));
  return static_cast<uint64_t>(value);
}

StatusOr<std::optional<Lease>> SqliteTransaction::GetLease(
    std::string_view name) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare(
          "SELECT holder, fencing, expires_us FROM leases WHERE name = ?"));
  statement.Bind(name);
  SR_ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) return std::optional<Lease>();
  return std::optional<Lease>(
      Lease{.name = std::string(name),
            .holder = statement.Text(0),
            .fencing = static_cast<uint64_t>(statement.Int(1)),
            .expires = DecodeTime(statement.Int(2))});
}

Status SqliteTransaction::InsertKey(const KeyRow& row) {
  SR_RETURN_IF_ERROR(ValidateRow(row));
  SR_ASSIGN_OR_RETURN(const std::optional<KeyRow> same_id, GetKey(row.id));
  SR_ASSIGN_OR_RETURN(const std::optional<KeyRow> same_name, FindKey(row.name));
  if (same_id || same_name) return KeyExists(row);
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("INSERT INTO keys(" STRONGROOM_KEY_COLUMNS
                  ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  const std::string labels = EncodeLabels(row.labels);
  statement.Bind(row.id.bytes(), std::string_view(row.name),
                 std::string_view(labels), I(row.primary_version),
                 row.rotation_period_s, EncodeTime(row.next_rotation),
                 I(row.max_items), row.max_age_ms, row.destroy_after_s,
                 EncodeTime(row.created),
                 static_cast<int64_t>(row.registration), I(row.always_required),
                 I(row.rewrap_on_rotation), row.retire_after_s);
  return statement.Run();
}

Status SqliteTransaction::UpdateKey(const KeyRow& row) {
  SR_RETURN_IF_ERROR(ValidateRow(row));
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("UPDATE keys SET labels = ?, primary_version = ?, "
                  "rotation_period_s = ?, next_rotation_us = ?, max_items = ?, "
                  "max_age_ms = ?, destroy_after_s = ?, created_us = ?, "
                  "registration = ?, always_required = ?, rewrap_on_rotation "
                  "= ?, retire_after_s = ? WHERE id = ? AND name = ?"));
  const std::string labels = EncodeLabels(row.labels);
  statement.Bind(std::string_view(labels), I(row.primary_version),
                 row.rotation_period_s, EncodeTime(row.next_rotation),
                 I(row.max_items), row.max_age_ms, row.destroy_after_s,
                 EncodeTime(row.created),
                 static_cast<int64_t>(row.registration), I(row.always_required),
                 I(row.rewrap_on_rotation), row.retire_after_s, row.id.bytes(),
                 std::string_view(row.name));
  SR_RETURN_IF_ERROR(statement.Run());
  return db_.changes() == 1 ? OkStatus() : KeyMissing(row.id);
}

Status SqliteTransaction::DeleteKey(const Uuid& id) {
  SR_ASSIGN_OR_RETURN(const std::vector<VersionRow> versions, VersionsOf(id));
  if (!versions.empty()) return KeyHasVersions(id);
  SR_ASSIGN_OR_RETURN(Statement statement,
                      db_.Prepare("DELETE FROM keys WHERE id = ?"));
  SR_RETURN_IF_ERROR(statement.Bind(id.bytes()).Run());
  return db_.changes() == 1 ? OkStatus() : KeyMissing(id);
}

Status SqliteTransaction::InsertVersion(const VersionRow& row) {
  SR_RETURN_IF_ERROR(ValidateRow(row));
  SR_ASSIGN_OR_RETURN(const std::optional<KeyRow> key, GetKey(row.key_id));
  if (!key) return KeyMissing(row.key_id);
  {
    SR_ASSIGN_OR_RETURN(
        Statement taken,
        db_.Prepare("SELECT 1 FROM versions WHERE (key_id = ? AND version = ?) "
                    "OR kek_id = ?"));
    taken.Bind(row.key_id.bytes(), I(row.version), row.kek_id.bytes());
    SR_ASSIGN_OR_RETURN(const bool found, taken.Step());
    if (found) return VersionExists(row);
  }
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("INSERT INTO versions("  //
                  STRONGROOM_VERSION_COLUMNS
                  ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  statement.Bind(row.key_id.bytes(), I(row.version), row.kek_id.bytes(),
                 static_cast<int64_t>(row.state), ByteView(row.known_answer),
                 I(row.seals_reserved), EncodeTime(row.created),
                 EncodeTime(row.destroy_time), I(row.destroying), I(row.held),
                 I(row.retired));
  return statement.Run();
}

Status SqliteTransaction::UpdateVersion(const VersionRow& row) {
  SR_RETURN_IF_ERROR(ValidateRow(row));
  {
    SR_ASSIGN_OR_RETURN(
        Statement stored,
        db_.Prepare(
            "SELECT kek_id FROM versions WHERE key_id = ? AND version = ?"));
    stored.Bind(row.key_id.bytes(), I(row.version));
    SR_ASSIGN_OR_RETURN(const bool found, stored.Step());
    if (!found) return VersionMissing(row.key_id, row.version);
    SR_ASSIGN_OR_RETURN(const Uuid kek, ReadUuid(stored, 0));
    if (kek != row.kek_id) return KekChanged(row);
  }
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare(
          "UPDATE versions SET state = ?, known_answer = ?, "
          "seals_reserved = ?, created_us = ?, destroy_us = ?, destroying = ?, "
          "held = ?, retired = ? WHERE key_id = ? AND version = ?"));
  statement.Bind(static_cast<int64_t>(row.state), ByteView(row.known_answer),
                 I(row.seals_reserved), EncodeTime(row.created),
                 EncodeTime(row.destroy_time), I(row.destroying), I(row.held),
                 I(row.retired), row.key_id.bytes(), I(row.version));
  return statement.Run();
}

Status SqliteTransaction::DeleteVersion(const Uuid& key_id, uint32_t version) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("DELETE FROM versions WHERE key_id = ? AND version = ?"));
  SR_RETURN_IF_ERROR(statement.Bind(key_id.bytes(), I(version)).Run());
  return db_.changes() == 1 ? OkStatus() : VersionMissing(key_id, version);
}

Status SqliteTransaction::PutSetting(std::string_view name,
                                     std::string_view value) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("INSERT INTO settings(name, value) VALUES (?, ?) "
                  "ON CONFLICT(name) DO UPDATE SET value = excluded.value"));
  return statement.Bind(name, value).Run();
}

Status SqliteTransaction::BumpChangeSeq() {
  change_seq_moved_ = true;
  return db_.Execute(
      "UPDATE counters SET value = value + 1 WHERE name = 'change_seq'");
}

Status SqliteTransaction::RaiseChangeSeq(uint64_t seen) {
  change_seq_moved_ = true;
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("UPDATE counters SET value = max(value, ?) + 1 "
                  "WHERE name = 'change_seq'"));
  return statement.Bind(I(seen)).Run();
}

StatusOr<Lease> SqliteTransaction::TakeLease(std::string_view name,
                                             std::string_view holder,
                                             WallTime now, WallTime expires) {
  SR_ASSIGN_OR_RETURN(const std::optional<Lease> held, GetLease(name));
  const bool mine = held && held->holder == holder;
  if (held && !mine && held->expires > now) return LeaseTaken(*held);
  Lease lease{.name = std::string(name),
              .holder = std::string(holder),
              .fencing = mine ? held->fencing : 0,
              .expires = expires};
  if (!mine) {
    SR_ASSIGN_OR_RETURN(lease.fencing, NextFencing());
  }
  SR_RETURN_IF_ERROR(WriteLease(lease));
  return lease;
}

// One counter for all leases: so it grows also past a lease that was released
// and whose row is gone.
StatusOr<uint64_t> SqliteTransaction::NextFencing() {
  SR_RETURN_IF_ERROR(db_.Execute(
      "UPDATE counters SET value = value + 1 WHERE name = 'fencing'"));
  SR_ASSIGN_OR_RETURN(
      const int64_t value,
      db_.QueryInt("SELECT value FROM counters WHERE name = 'fencing'"));
  return static_cast<uint64_t>(value);
}

Status SqliteTransaction::WriteLease(const Lease& lease) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("INSERT INTO leases(name, holder, fencing, expires_us) "
                  "VALUES (?, ?, ?, ?) ON CONFLICT(name) DO UPDATE SET "
                  "holder = excluded.holder, fencing = excluded.fencing, "
                  "expires_us = excluded.expires_us"));
  return statement
      .Bind(std::string_view(lease.name), std::string_view(lease.holder),
            I(lease.fencing), EncodeTime(lease.expires))
      .Run();
}

Status SqliteTransaction::CheckLease(const Lease& lease, WallTime now) {
  SR_ASSIGN_OR_RETURN(const std::optional<Lease> held, GetLease(lease.name));
  if (!held || held->holder != lease.holder || held->fencing != lease.fencing ||
      held->expires <= now) {
    return LeaseLost(lease);
  }
  return OkStatus();
}

Status SqliteTransaction::ReleaseLease(const Lease& lease) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("DELETE FROM leases WHERE name = ? AND holder = ? "
                  "AND fencing = ?"));
  return statement
      .Bind(std::string_view(lease.name), std::string_view(lease.holder),
            I(lease.fencing))
      .Run();
}

}  // namespace strongroom::store
