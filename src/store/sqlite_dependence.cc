// The rows of what depends on a version beside registered DEKs.
#include "store/row_codec.h"
#include "store/sqlite_columns.h"
#include "store/sqlite_registered.h"

namespace strongroom::store {

StatusOr<std::vector<UseRow>> SqliteRegistered::UsesOf(const Uuid& key_id) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT version, issued, uncounted, first_issued_us, "
                  "last_issued_us, last_opened_us FROM uses WHERE key_id = ? "
                  "ORDER BY version"));
  statement.Bind(key_id.bytes());
  std::vector<UseRow> rows;
  for (;;) {
    SR_ASSIGN_OR_RETURN(const bool more, statement.Step());
    if (!more) return rows;
    rows.push_back({.key_id = key_id,
                    .version = static_cast<uint32_t>(statement.Int(0)),
                    .issued = static_cast<uint64_t>(statement.Int(1)),
                    .uncounted = statement.Int(2) != 0,
                    .first_issued = DecodeTime(statement.Int(3)),
                    .last_issued = DecodeTime(statement.Int(4)),
                    .last_opened = DecodeTime(statement.Int(5))});
  }
}

StatusOr<std::vector<ClaimRow>> SqliteRegistered::ClaimsOf(const Uuid& key_id) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT version, caller, source, objects, reported_us FROM "
                  "claims WHERE key_id = ? ORDER BY version, caller, source"));
  statement.Bind(key_id.bytes());
  std::vector<ClaimRow> rows;
  for (;;) {
    SR_ASSIGN_OR_RETURN(const bool more, statement.Step());
    if (!more) return rows;
    rows.push_back({.key_id = key_id,
                    .version = static_cast<uint32_t>(statement.Int(0)),
                    .caller = statement.Text(1),
                    .source = statement.Text(2),
                    .objects = static_cast<uint64_t>(statement.Int(3)),
                    .reported = DecodeTime(statement.Int(4))});
  }
}

Status SqliteRegistered::PutUse(const UseRow& row) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("INSERT OR REPLACE INTO uses(key_id, version, issued, "
                  "uncounted, first_issued_us, last_issued_us, last_opened_us) "
                  "VALUES (?, ?, ?, ?, ?, ?, ?)"));
  statement.Bind(row.key_id.bytes(), I(row.version), I(row.issued),
                 I(row.uncounted), EncodeTime(row.first_issued),
                 EncodeTime(row.last_issued), EncodeTime(row.last_opened));
  return statement.Run();
}

Status SqliteRegistered::PutClaim(const ClaimRow& row) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("INSERT OR REPLACE INTO claims(key_id, version, caller, "
                  "source, objects, reported_us) VALUES (?, ?, ?, ?, ?, ?)"));
  statement.Bind(row.key_id.bytes(), I(row.version),
                 std::string_view(row.caller), std::string_view(row.source),
                 I(row.objects), EncodeTime(row.reported));
  return statement.Run();
}

Status SqliteRegistered::DropClaims(const Uuid& key_id, std::string_view caller,
                                    std::string_view source) {
  SR_ASSIGN_OR_RETURN(Statement statement,
                      db_.Prepare("DELETE FROM claims WHERE key_id = ? AND "
                                  "caller = ? AND source = ?"));
  statement.Bind(key_id.bytes(), caller, source);
  return statement.Run();
}

}  // namespace strongroom::store
