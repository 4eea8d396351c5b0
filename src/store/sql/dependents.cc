#include "store/sql/dependents.h"

namespace strongroom::store {
namespace {

StatusOr<CensusRow> ReadCensus(const Row& row) {
  CensusRow census;
  SR_ASSIGN_OR_RETURN(census.key_id, row.Id(0));
  census.version = row.U32(1);
  census.batches = row.U64(2);
  census.deks = row.U64(3);
  census.closed = row.Bool(4);
  return census;
}

}  // namespace

StatusOr<std::vector<CensusRow>> SqlDependents::CensusOf(const Uuid& key_id) {
  return db_.All(
      "SELECT key_id, version, batches, deks, closed FROM census WHERE key_id "
      "= ? ORDER BY version",
      ReadCensus, key_id);
}

StatusOr<std::vector<UseRow>> SqlDependents::UsesOf(const Uuid& key_id) {
  const auto read = [&](const Row& row) -> StatusOr<UseRow> {
    return UseRow{.key_id = key_id,
                  .version = row.U32(0),
                  .issued = row.U64(1),
                  .uncounted = row.Bool(2),
                  .first_issued = row.Time(3),
                  .last_issued = row.Time(4),
                  .last_opened = row.Time(5)};
  };
  return db_.All(
      "SELECT version, issued, uncounted, first_issued_us, last_issued_us, "
      "last_opened_us FROM uses WHERE key_id = ? ORDER BY version",
      read, key_id);
}

StatusOr<std::vector<ClaimRow>> SqlDependents::ClaimsOf(const Uuid& key_id) {
  const auto read = [&](const Row& row) -> StatusOr<ClaimRow> {
    return ClaimRow{.key_id = key_id,
                    .version = row.U32(0),
                    .caller = row.Text(1),
                    .source = row.Text(2),
                    .objects = row.U64(3),
                    .reported = row.Time(4)};
  };
  return db_.All(
      "SELECT version, caller, source, objects, reported_us FROM claims WHERE "
      "key_id = ? ORDER BY version, caller, source",
      read, key_id);
}

Status SqlDependents::PutCensus(const CensusRow& row) {
  return db_.Run(
      "INSERT INTO census(key_id, version, batches, deks, closed) VALUES (?, "
      "?, ?, ?, ?) ON CONFLICT(key_id, version) DO UPDATE SET batches = "
      "excluded.batches, deks = excluded.deks, closed = excluded.closed",
      row.key_id, row.version, row.batches, row.deks, row.closed);
}

Status SqlDependents::PutUse(const UseRow& row) {
  return db_.Run(
      "INSERT INTO uses(key_id, version, issued, uncounted, first_issued_us, "
      "last_issued_us, last_opened_us) VALUES (?, ?, ?, ?, ?, ?, ?) ON "
      "CONFLICT(key_id, version) DO UPDATE SET issued = excluded.issued, "
      "uncounted = excluded.uncounted, first_issued_us = "
      "excluded.first_issued_us, last_issued_us = excluded.last_issued_us, "
      "last_opened_us = excluded.last_opened_us",
      row.key_id, row.version, row.issued, row.uncounted, row.first_issued,
      row.last_issued, row.last_opened);
}

Status SqlDependents::PutClaim(const ClaimRow& row) {
  return db_.Run(
      "INSERT INTO claims(key_id, version, caller, source, objects, "
      "reported_us) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(key_id, version, "
      "caller, source) DO UPDATE SET objects = excluded.objects, reported_us "
      "= excluded.reported_us",
      row.key_id, row.version, row.caller, row.source, row.objects,
      row.reported);
}

Status SqlDependents::DropClaims(const Uuid& key_id, std::string_view caller,
                                 std::string_view source) {
  return db_.Run(
      "DELETE FROM claims WHERE key_id = ? AND caller = ? AND source = ?",
      key_id, caller, source);
}

}  // namespace strongroom::store
