#include "store/sql/dependents.h"

#include "store/row_codec.h"

namespace strongroom::store {
namespace {

// ReadCensus: a sum below zero is a row that was changed by something else.
StatusOr<CensusRow> ReadCensus(const Row& row) {
  CensusRow census;
  SR_ASSIGN_OR_RETURN(census.key_id, row.Id(0));
  census.version = row.U32(1);
  if (row.Int(2) < 0 || row.Int(3) < 0) return CensusBelowZero(census);
  census.batches = row.U64(2);
  census.deks = row.U64(3);
  return census;
}

}  // namespace

StatusOr<std::vector<CensusRow>> SqlDependents::CensusOf(const Uuid& key_id) {
  return db_.All(
      "SELECT key_id, version, CAST(sum(batches) AS BIGINT), CAST(sum(deks) AS "
      "BIGINT) FROM census_counts WHERE key_id = ? GROUP BY key_id, version "
      "ORDER BY version",
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

Status SqlDependents::AddCensus(std::span<const CensusDelta> deltas) {
  for (const CensusDelta& delta : deltas) {
    SR_RETURN_IF_ERROR(db_.Run(
        "INSERT INTO census_counts(key_id, version, replica, batches, deks) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT(key_id, version, replica) DO "
        "UPDATE SET batches = census_counts.batches + excluded.batches, deks = "
        "census_counts.deks + excluded.deks",
        delta.key_id, delta.version, replica_, delta.batches, delta.deks));
  }
  return OkStatus();
}

// Under the nil id: no replica has it.
Status SqlDependents::FoldCensus() {
  const Uuid nil;
  SR_RETURN_IF_ERROR(db_.Run(
      "INSERT INTO census_counts(key_id, version, replica, batches, deks) "
      "SELECT key_id, version, ?, CAST(sum(batches) AS BIGINT), CAST(sum(deks) "
      "AS BIGINT) FROM census_counts WHERE replica <> ? AND replica <> ? GROUP "
      "BY key_id, version ON CONFLICT(key_id, version, replica) DO UPDATE SET "
      "batches = census_counts.batches + excluded.batches, deks = "
      "census_counts.deks + excluded.deks",
      nil, nil, replica_));
  return db_.Run(
      "DELETE FROM census_counts WHERE replica <> ? AND replica <> ?", nil,
      replica_);
}

Status SqlDependents::PutUses(std::span<const UseRow> rows) {
  for (const UseRow& row : rows) {
    SR_RETURN_IF_ERROR(db_.Run(
        "INSERT INTO uses(key_id, version, issued, uncounted, first_issued_us, "
        "last_issued_us, last_opened_us) VALUES (?, ?, ?, ?, ?, ?, ?) ON "
        "CONFLICT(key_id, version) DO UPDATE SET issued = excluded.issued, "
        "uncounted = excluded.uncounted, first_issued_us = "
        "excluded.first_issued_us, last_issued_us = excluded.last_issued_us, "
        "last_opened_us = excluded.last_opened_us",
        row.key_id, row.version, row.issued, row.uncounted, row.first_issued,
        row.last_issued, row.last_opened));
  }
  return OkStatus();
}

Status SqlDependents::PutClaims(std::span<const ClaimRow> rows) {
  for (const ClaimRow& row : rows) {
    SR_RETURN_IF_ERROR(db_.Run(
        "INSERT INTO claims(key_id, version, caller, source, objects, "
        "reported_us) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(key_id, version, "
        "caller, source) DO UPDATE SET objects = excluded.objects, reported_us "
        "= excluded.reported_us",
        row.key_id, row.version, row.caller, row.source, row.objects,
        row.reported));
  }
  return OkStatus();
}

Status SqlDependents::DropClaims(const Uuid& key_id, std::string_view caller,
                                 std::string_view source) {
  return db_.Run(
      "DELETE FROM claims WHERE key_id = ? AND caller = ? AND source = ?",
      key_id, caller, source);
}

}  // namespace strongroom::store
