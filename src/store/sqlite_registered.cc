#include "store/sqlite_registered.h"

#include "store/registered_codec.h"
#include "store/row_codec.h"
#include "store/sqlite_columns.h"

namespace strongroom::store {
namespace {

StatusOr<DekId> ReadDekId(const Statement& row) {
  DekId id;
  SR_ASSIGN_OR_RETURN(id.batch_id, ReadUuid(row, 0));
  id.index = static_cast<uint32_t>(row.Int(1));
  return id;
}

StatusOr<BatchRow> ReadBatch(const Statement& row) {
  BatchRow batch;
  SR_ASSIGN_OR_RETURN(batch.batch_id, ReadUuid(row, 0));
  SR_ASSIGN_OR_RETURN(batch.key_id, ReadUuid(row, 1));
  batch.version = static_cast<uint32_t>(row.Int(2));
  batch.header = row.Blob(3);
  batch.deks = static_cast<uint32_t>(row.Int(4));
  batch.leaves = row.Blob(5);
  return batch;
}

StatusOr<DekRow> ReadDek(const Statement& row) {
  DekRow dek;
  SR_ASSIGN_OR_RETURN(dek.id, ReadDekId(row));
  dek.leaf = row.Blob(2);
  SR_ASSIGN_OR_RETURN(dek.labels, DecodeLabels(row.Text(3)));
  dek.reference = row.Text(4);
  dek.created = DecodeTime(row.Int(5));
  return dek;
}

StatusOr<ListedDek> ReadListed(const Statement& row) {
  ListedDek listed;
  SR_ASSIGN_OR_RETURN(listed.dek, ReadDek(row));
  listed.version = static_cast<uint32_t>(row.Int(6));
  return listed;
}

StatusOr<TombstoneRow> ReadTombstone(const Statement& row) {
  TombstoneRow tombstone;
  SR_ASSIGN_OR_RETURN(tombstone.id, ReadDekId(row));
  SR_ASSIGN_OR_RETURN(tombstone.key_id, ReadUuid(row, 2));
  tombstone.shredded = DecodeTime(row.Int(3));
  return tombstone;
}

StatusOr<CensusRow> ReadCensus(const Statement& row) {
  CensusRow census;
  SR_ASSIGN_OR_RETURN(census.key_id, ReadUuid(row, 0));
  census.version = static_cast<uint32_t>(row.Int(1));
  census.batches = static_cast<uint64_t>(row.Int(2));
  census.deks = static_cast<uint64_t>(row.Int(3));
  census.closed = row.Int(4) != 0;
  return census;
}

template <typename Row>
StatusOr<std::vector<Row>> ReadRows(Statement& statement,
                                    StatusOr<Row> (*read)(const Statement&)) {
  std::vector<Row> rows;
  for (;;) {
    SR_ASSIGN_OR_RETURN(const bool more, statement.Step());
    if (!more) return rows;
    SR_ASSIGN_OR_RETURN(Row row, read(statement));
    rows.push_back(std::move(row));
  }
}

template <typename Row>
StatusOr<std::optional<Row>> ReadOne(Statement& statement,
                                     StatusOr<Row> (*read)(const Statement&)) {
  SR_ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) return std::optional<Row>();
  SR_ASSIGN_OR_RETURN(Row row, read(statement));
  return std::optional<Row>(std::move(row));
}

#define STRONGROOM_BATCH_COLUMNS \
  "batch_id, key_id, version, header, deks, leaves"
#define STRONGROOM_LISTED_DEKS                                        \
  "SELECT d.batch_id, d.dek_index, x'', d.labels, d.reference, "      \
  "d.created_us, b.version FROM batches b JOIN deks d ON d.batch_id " \
  "= b.batch_id WHERE b.key_id = ? "
#define STRONGROOM_DEKS_AFTER                                           \
  "AND b.batch_id >= ? AND (b.batch_id > ? OR d.dek_index >= ?) ORDER " \
  "BY b.batch_id, d.dek_index LIMIT ?"

// The first id that may come after `after`.
DekId FirstAfter(const std::optional<DekId>& after) {
  if (!after) return {};
  return {after->batch_id, after->index + 1};
}

}  // namespace

StatusOr<std::optional<BatchRow>> SqliteRegistered::GetBatch(
    const Uuid& batch_id) {
  SR_ASSIGN_OR_RETURN(Statement statement,
                      db_.Prepare("SELECT " STRONGROOM_BATCH_COLUMNS
                                  " FROM batches WHERE batch_id = ?"));
  statement.Bind(batch_id.bytes());
  return ReadOne(statement, &ReadBatch);
}

StatusOr<std::optional<DekRow>> SqliteRegistered::GetDek(const DekId& id) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT batch_id, dek_index, leaf, labels, reference, "
                  "created_us FROM deks WHERE batch_id = ? AND dek_index = ?"));
  statement.Bind(id.batch_id.bytes(), I(id.index));
  return ReadOne(statement, &ReadDek);
}

StatusOr<std::vector<ListedDek>> SqliteRegistered::ListDeks(
    const Uuid& key_id, uint32_t version, const std::optional<DekId>& after,
    size_t limit) {
  const DekId from = FirstAfter(after);
  if (version == 0) {
    SR_ASSIGN_OR_RETURN(
        Statement statement,
        db_.Prepare(STRONGROOM_LISTED_DEKS STRONGROOM_DEKS_AFTER));
    statement.Bind(key_id.bytes(), from.batch_id.bytes(), from.batch_id.bytes(),
                   I(from.index), I(limit));
    return ReadRows(statement, &ReadListed);
  }
  SR_ASSIGN_OR_RETURN(Statement statement,
                      db_.Prepare(STRONGROOM_LISTED_DEKS
                                  "AND b.version = ? " STRONGROOM_DEKS_AFTER));
  statement.Bind(key_id.bytes(), I(version), from.batch_id.bytes(),
                 from.batch_id.bytes(), I(from.index), I(limit));
  return ReadRows(statement, &ReadListed);
}

StatusOr<std::vector<BatchRow>> SqliteRegistered::ListBatches(
    const Uuid& key_id, uint32_t version, const std::optional<Uuid>& after,
    size_t limit) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT " STRONGROOM_BATCH_COLUMNS
                  " FROM batches WHERE key_id = ? AND version = ? AND "
                  "batch_id > ? ORDER BY batch_id LIMIT ?"));
  // A blob is greater than every prefix of itself, so nothing is before x''.
  statement.Bind(key_id.bytes(), I(version),
                 after ? after->bytes() : ByteView(), I(limit));
  return ReadRows(statement, &ReadBatch);
}

StatusOr<std::optional<TombstoneRow>> SqliteRegistered::GetTombstone(
    const DekId& id) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT batch_id, dek_index, key_id, shredded_us FROM "
                  "tombstones WHERE batch_id = ? AND dek_index = ?"));
  statement.Bind(id.batch_id.bytes(), I(id.index));
  return ReadOne(statement, &ReadTombstone);
}

StatusOr<std::vector<TombstoneRow>> SqliteRegistered::AllTombstones() {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT batch_id, dek_index, key_id, shredded_us FROM "
                  "tombstones ORDER BY batch_id, dek_index"));
  return ReadRows(statement, &ReadTombstone);
}

StatusOr<std::optional<RegistrationRow>> SqliteRegistered::GetRegistration(
    std::string_view caller, const Uuid& request_id) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT key_id, ids, made_us FROM registrations WHERE "
                  "caller = ? AND request_id = ?"));
  statement.Bind(caller, request_id.bytes());
  SR_ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) return std::optional<RegistrationRow>();
  RegistrationRow row;
  row.caller = caller;
  row.request_id = request_id;
  SR_ASSIGN_OR_RETURN(row.key_id, ReadUuid(statement, 0));
  SR_ASSIGN_OR_RETURN(row.ids, DecodeIds(statement.Blob(1)));
  row.made = DecodeTime(statement.Int(2));
  return std::optional<RegistrationRow>(std::move(row));
}

StatusOr<std::vector<CensusRow>> SqliteRegistered::CensusOf(
    const Uuid& key_id) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("SELECT key_id, version, batches, deks, closed "
                  "FROM census WHERE key_id = ? ORDER BY version"));
  statement.Bind(key_id.bytes());
  return ReadRows(statement, &ReadCensus);
}

Status SqliteRegistered::InsertBatch(const BatchRow& row) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("INSERT INTO batches(" STRONGROOM_BATCH_COLUMNS
                  ") VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"));
  statement.Bind(row.batch_id.bytes(), row.key_id.bytes(), I(row.version),
                 ByteView(row.header), I(row.deks), ByteView(row.leaves));
  SR_RETURN_IF_ERROR(statement.Run());
  return db_.changes() == 1 ? OkStatus() : BatchExists(row.batch_id);
}

Status SqliteRegistered::UpdateBatch(const BatchRow& row) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("UPDATE batches SET version = ?, header = ?, deks = ?, "
                  "leaves = ? WHERE batch_id = ? AND key_id = ?"));
  statement.Bind(I(row.version), ByteView(row.header), I(row.deks),
                 ByteView(row.leaves), row.batch_id.bytes(),
                 row.key_id.bytes());
  SR_RETURN_IF_ERROR(statement.Run());
  return db_.changes() == 1 ? OkStatus() : BatchMissing(row.batch_id);
}

Status SqliteRegistered::DeleteBatch(const Uuid& batch_id) {
  {
    SR_ASSIGN_OR_RETURN(
        Statement statement,
        db_.Prepare("SELECT 1 FROM deks WHERE batch_id = ? LIMIT 1"));
    statement.Bind(batch_id.bytes());
    SR_ASSIGN_OR_RETURN(const bool remain, statement.Step());
    if (remain) return BatchHasDeks(batch_id);
  }
  SR_ASSIGN_OR_RETURN(Statement statement,
                      db_.Prepare("DELETE FROM batches WHERE batch_id = ?"));
  statement.Bind(batch_id.bytes());
  SR_RETURN_IF_ERROR(statement.Run());
  return db_.changes() == 1 ? OkStatus() : BatchMissing(batch_id);
}

Status SqliteRegistered::InsertDek(const DekRow& row) {
  SR_RETURN_IF_ERROR(ValidateRow(row));
  // The batch is looked for here and not by its foreign key alone, whose
  // failure would come without a name.
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare(
          "INSERT INTO deks(batch_id, dek_index, leaf, labels, reference, "
          "created_us) SELECT batch_id, ?, ?, ?, ?, ? FROM batches WHERE "
          "batch_id = ? ON CONFLICT DO NOTHING"));
  const std::string labels = EncodeLabels(row.labels);
  statement.Bind(I(row.id.index), ByteView(row.leaf), std::string_view(labels),
                 std::string_view(row.reference), EncodeTime(row.created),
                 row.id.batch_id.bytes());
  SR_RETURN_IF_ERROR(statement.Run());
  if (db_.changes() == 1) return OkStatus();
  SR_ASSIGN_OR_RETURN(const auto batch, GetBatch(row.id.batch_id));
  return batch ? DekExists(row.id) : BatchMissing(row.id.batch_id);
}

Status SqliteRegistered::DeleteDek(const DekId& id) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("DELETE FROM deks WHERE batch_id = ? AND dek_index = ?"));
  statement.Bind(id.batch_id.bytes(), I(id.index));
  SR_RETURN_IF_ERROR(statement.Run());
  return db_.changes() == 1 ? OkStatus() : DekMissing(id);
}

Status SqliteRegistered::InsertTombstone(const TombstoneRow& row) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("INSERT INTO tombstones(batch_id, dek_index, key_id, "
                  "shredded_us) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"));
  statement.Bind(row.id.batch_id.bytes(), I(row.id.index), row.key_id.bytes(),
                 EncodeTime(row.shredded));
  SR_RETURN_IF_ERROR(statement.Run());
  return db_.changes() == 1 ? OkStatus() : TombstoneExists(row.id);
}

Status SqliteRegistered::PutRegistration(const RegistrationRow& row) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("INSERT OR REPLACE INTO registrations(caller, request_id, "
                  "key_id, ids, made_us) VALUES (?, ?, ?, ?, ?)"));
  const Bytes ids = EncodeIds(row.ids);
  statement.Bind(std::string_view(row.caller), row.request_id.bytes(),
                 row.key_id.bytes(), ByteView(ids), EncodeTime(row.made));
  return statement.Run();
}

Status SqliteRegistered::DropRegistrations(WallTime before, size_t limit) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("DELETE FROM registrations WHERE (caller, request_id) IN "
                  "(SELECT caller, request_id FROM registrations WHERE "
                  "made_us < ? ORDER BY made_us LIMIT ?)"));
  statement.Bind(EncodeTime(before), I(limit));
  return statement.Run();
}

Status SqliteRegistered::PutCensus(const CensusRow& row) {
  SR_ASSIGN_OR_RETURN(
      Statement statement,
      db_.Prepare("INSERT OR REPLACE INTO census(key_id, version, batches, "
                  "deks, closed) VALUES (?, ?, ?, ?, ?)"));
  statement.Bind(row.key_id.bytes(), I(row.version), I(row.batches),
                 I(row.deks), I(row.closed));
  return statement.Run();
}

}  // namespace strongroom::store
