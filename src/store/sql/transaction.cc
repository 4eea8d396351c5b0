#include "store/sql/transaction.h"

#include "store/row_codec.h"

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
  "created_us, destroy_us, destroying, held, retired, closed"

StatusOr<KeyRow> ReadKey(const Row& row) {
  KeyRow key;
  SR_ASSIGN_OR_RETURN(key.id, row.Id(0));
  key.name = row.Text(1);
  SR_ASSIGN_OR_RETURN(key.labels, DecodeLabels(row.Text(2)));
  key.primary_version = row.U32(3);
  key.rotation_period_s = row.Int(4);
  key.next_rotation = row.Time(5);
  key.max_items = row.U32(6);
  key.max_age_ms = row.Int(7);
  key.destroy_after_s = row.Int(8);
  key.created = row.Time(9);
  const int64_t registration = row.Int(10);
  if (registration < 0 || registration > 2) return CorruptRow("rule");
  key.registration = static_cast<RegistrationRule>(registration);
  key.always_required = row.Bool(11);
  key.rewrap_on_rotation = row.Bool(12);
  key.retire_after_s = row.Int(13);
  return key;
}

StatusOr<VersionRow> ReadVersion(const Row& row) {
  VersionRow version;
  SR_ASSIGN_OR_RETURN(version.key_id, row.Id(0));
  version.version = row.U32(1);
  SR_ASSIGN_OR_RETURN(version.kek_id, row.Id(2));
  const int64_t state = row.Int(3);
  if (state < 1 || state > 5) return CorruptRow("state");
  version.state = static_cast<VersionState>(state);
  version.known_answer = row.Blob(4);
  version.seals_reserved = row.U64(5);
  version.created = row.Time(6);
  version.destroy_time = row.Time(7);
  version.destroying = row.Bool(8);
  version.held = row.Bool(9);
  version.retired = row.Bool(10);
  version.closed = row.Bool(11);
  return version;
}

}  // namespace

StatusOr<std::optional<KeyRow>> SqlTransaction::GetKey(const Uuid& id) {
  return db_.One("SELECT " STRONGROOM_KEY_COLUMNS " FROM keys WHERE id = ?",
                 ReadKey, id);
}

StatusOr<std::optional<KeyRow>> SqlTransaction::FindKey(std::string_view name) {
  return db_.One("SELECT " STRONGROOM_KEY_COLUMNS " FROM keys WHERE name = ?",
                 ReadKey, name);
}

StatusOr<std::vector<KeyRow>> SqlTransaction::AllKeys() {
  return db_.All("SELECT " STRONGROOM_KEY_COLUMNS " FROM keys ORDER BY name",
                 ReadKey);
}

StatusOr<std::vector<VersionRow>> SqlTransaction::VersionsOf(
    const Uuid& key_id) {
  return db_.All("SELECT " STRONGROOM_VERSION_COLUMNS
                 " FROM versions WHERE key_id = ? ORDER BY version",
                 ReadVersion, key_id);
}

StatusOr<std::vector<VersionRow>> SqlTransaction::AllVersions() {
  return db_.All("SELECT " STRONGROOM_VERSION_COLUMNS
                 " FROM versions ORDER BY key_id, version",
                 ReadVersion);
}

StatusOr<std::vector<RemovedRow>> SqlTransaction::AllRemoved() {
  const auto read = [](const Row& row) -> StatusOr<RemovedRow> {
    RemovedRow removed;
    SR_ASSIGN_OR_RETURN(removed.kek_id, row.Id(0));
    SR_ASSIGN_OR_RETURN(removed.key_id, row.Id(1));
    removed.version = row.U32(2);
    removed.removed = row.Time(3);
    return removed;
  };
  return db_.All(
      "SELECT kek_id, key_id, version, removed_us FROM removed_keks ORDER BY "
      "kek_id",
      read);
}

StatusOr<std::optional<std::string>> SqlTransaction::GetSetting(
    std::string_view name) {
  const auto read = [](const Row& row) -> StatusOr<std::string> {
    return row.Text(0);
  };
  return db_.One("SELECT value FROM settings WHERE name = ?", read, name);
}

Status SqlTransaction::InsertKey(const KeyRow& row) {
  SR_RETURN_IF_ERROR(ValidateRow(row));
  SR_ASSIGN_OR_RETURN(const std::optional<KeyRow> same_id, GetKey(row.id));
  SR_ASSIGN_OR_RETURN(const std::optional<KeyRow> same_name, FindKey(row.name));
  if (same_id || same_name) return KeyExists(row);
  return db_.Run("INSERT INTO keys(" STRONGROOM_KEY_COLUMNS
                 ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 row.id, row.name, EncodeLabels(row.labels),
                 row.primary_version, row.rotation_period_s, row.next_rotation,
                 row.max_items, row.max_age_ms, row.destroy_after_s,
                 row.created, row.registration, row.always_required,
                 row.rewrap_on_rotation, row.retire_after_s);
}

Status SqlTransaction::UpdateKey(const KeyRow& row) {
  SR_RETURN_IF_ERROR(ValidateRow(row));
  SR_ASSIGN_OR_RETURN(
      const int64_t changed,
      db_.Change("UPDATE keys SET labels = ?, primary_version = ?, "
                 "rotation_period_s = ?, next_rotation_us = ?, max_items = ?, "
                 "max_age_ms = ?, destroy_after_s = ?, created_us = ?, "
                 "registration = ?, always_required = ?, rewrap_on_rotation "
                 "= ?, retire_after_s = ? WHERE id = ? AND name = ?",
                 EncodeLabels(row.labels), row.primary_version,
                 row.rotation_period_s, row.next_rotation, row.max_items,
                 row.max_age_ms, row.destroy_after_s, row.created,
                 row.registration, row.always_required, row.rewrap_on_rotation,
                 row.retire_after_s, row.id, row.name));
  return changed == 1 ? OkStatus() : KeyMissing(row.id);
}

Status SqlTransaction::DeleteKey(const Uuid& id) {
  SR_ASSIGN_OR_RETURN(const std::vector<VersionRow> versions, VersionsOf(id));
  if (!versions.empty()) return KeyHasVersions(id);
  SR_ASSIGN_OR_RETURN(const int64_t changed,
                      db_.Change("DELETE FROM keys WHERE id = ?", id));
  return changed == 1 ? OkStatus() : KeyMissing(id);
}

Status SqlTransaction::InsertVersion(const VersionRow& row) {
  SR_RETURN_IF_ERROR(ValidateRow(row));
  SR_ASSIGN_OR_RETURN(const std::optional<KeyRow> key, GetKey(row.key_id));
  if (!key) return KeyMissing(row.key_id);
  SR_ASSIGN_OR_RETURN(
      const bool taken,
      db_.Any("SELECT 1 FROM versions WHERE (key_id = ? AND version = ?) "
              "OR kek_id = ?",
              row.key_id, row.version, row.kek_id));
  if (taken) return VersionExists(row);
  return db_.Run("INSERT INTO versions(" STRONGROOM_VERSION_COLUMNS
                 ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 row.key_id, row.version, row.kek_id, row.state,
                 row.known_answer, row.seals_reserved, row.created,
                 row.destroy_time, row.destroying, row.held, row.retired,
                 row.closed);
}

Status SqlTransaction::UpdateVersions(std::span<const VersionRow> rows) {
  const auto read = [](const Row& stored) { return stored.Id(0); };
  for (const VersionRow& row : rows) {
    SR_RETURN_IF_ERROR(ValidateRow(row));
    SR_ASSIGN_OR_RETURN(
        const std::optional<Uuid> kek,
        db_.One("SELECT kek_id FROM versions WHERE key_id = ? AND version = ?",
                read, row.key_id, row.version));
    if (!kek) return VersionMissing(row.key_id, row.version);
    if (*kek != row.kek_id) return KekChanged(row);
    SR_RETURN_IF_ERROR(db_.Run(
        "UPDATE versions SET state = ?, known_answer = ?, seals_reserved = ?, "
        "created_us = ?, destroy_us = ?, destroying = ?, held = ?, retired = ? "
        "WHERE key_id = ? AND version = ?",
        row.state, row.known_answer, row.seals_reserved, row.created,
        row.destroy_time, row.destroying, row.held, row.retired, row.key_id,
        row.version));
  }
  return OkStatus();
}

Status SqlTransaction::CloseVersions(const Uuid& key_id,
                                     std::span<const uint32_t> versions) {
  for (uint32_t version : versions) {
    SR_ASSIGN_OR_RETURN(
        const int64_t changed,
        db_.Change(
            "UPDATE versions SET closed = 1 WHERE key_id = ? AND version = ?",
            key_id, version));
    if (changed != 1) return VersionMissing(key_id, version);
  }
  return OkStatus();
}

Status SqlTransaction::DeleteVersion(const Uuid& key_id, uint32_t version) {
  SR_ASSIGN_OR_RETURN(
      const int64_t changed,
      db_.Change("DELETE FROM versions WHERE key_id = ? AND version = ?",
                 key_id, version));
  return changed == 1 ? OkStatus() : VersionMissing(key_id, version);
}

Status SqlTransaction::RemoveVersion(const Uuid& key_id, uint32_t version,
                                     WallTime now) {
  SR_ASSIGN_OR_RETURN(const std::optional<VersionRow> row,
                      db_.One("SELECT " STRONGROOM_VERSION_COLUMNS
                              " FROM versions WHERE key_id = ? AND version = ?",
                              ReadVersion, key_id, version));
  if (!row) return VersionMissing(key_id, version);
  if (row->state != VersionState::kPending) return NotPending(*row);
  SR_RETURN_IF_ERROR(
      db_.Run("INSERT INTO removed_keks(kek_id, key_id, version, removed_us) "
              "VALUES (?, ?, ?, ?)",
              row->kek_id, key_id, version, now));
  return DeleteVersion(key_id, version);
}

Status SqlTransaction::PutSetting(std::string_view name,
                                  std::string_view value) {
  return db_.Run(
      "INSERT INTO settings(name, value) VALUES (?, ?) "
      "ON CONFLICT(name) DO UPDATE SET value = excluded.value",
      name, value);
}

}  // namespace strongroom::store
