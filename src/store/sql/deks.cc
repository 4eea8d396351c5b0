#include "store/sql/deks.h"

#include "store/dek_codec.h"
#include "store/row_codec.h"

namespace strongroom::store {
namespace {

StatusOr<DekId> ReadDekId(const Row& row) {
  DekId id;
  SR_ASSIGN_OR_RETURN(id.batch_id, row.Id(0));
  id.index = row.U32(1);
  return id;
}

StatusOr<BatchRow> ReadBatch(const Row& row) {
  BatchRow batch;
  SR_ASSIGN_OR_RETURN(batch.batch_id, row.Id(0));
  SR_ASSIGN_OR_RETURN(batch.key_id, row.Id(1));
  batch.version = row.U32(2);
  batch.header = row.Blob(3);
  batch.deks = row.U32(4);
  batch.leaves = row.Blob(5);
  return batch;
}

StatusOr<DekRow> ReadDek(const Row& row) {
  DekRow dek;
  SR_ASSIGN_OR_RETURN(dek.id, ReadDekId(row));
  dek.leaf = row.Blob(2);
  SR_ASSIGN_OR_RETURN(dek.labels, DecodeLabels(row.Text(3)));
  dek.reference = row.Text(4);
  dek.created = row.Time(5);
  return dek;
}

StatusOr<ListedDek> ReadListed(const Row& row) {
  ListedDek listed;
  SR_ASSIGN_OR_RETURN(listed.dek.id, ReadDekId(row));
  SR_ASSIGN_OR_RETURN(listed.dek.labels, DecodeLabels(row.Text(2)));
  listed.dek.reference = row.Text(3);
  listed.dek.created = row.Time(4);
  listed.version = row.U32(5);
  return listed;
}

StatusOr<TombstoneRow> ReadTombstone(const Row& row) {
  TombstoneRow tombstone;
  SR_ASSIGN_OR_RETURN(tombstone.id, ReadDekId(row));
  SR_ASSIGN_OR_RETURN(tombstone.key_id, row.Id(2));
  tombstone.shredded = row.Time(3);
  return tombstone;
}

#define STRONGROOM_BATCH_COLUMNS \
  "batch_id, key_id, version, header, deks, leaves"
#define STRONGROOM_LISTED_DEKS                                          \
  "SELECT d.batch_id, d.dek_index, d.labels, d.reference, "             \
  "d.created_us, b.version FROM batches b JOIN deks d ON d.batch_id = " \
  "b.batch_id WHERE b.key_id = ? "
#define STRONGROOM_DEKS_AFTER                                           \
  "AND b.batch_id >= ? AND (b.batch_id > ? OR d.dek_index >= ?) ORDER " \
  "BY b.batch_id, d.dek_index LIMIT ?"
#define STRONGROOM_TOMBSTONES \
  "SELECT batch_id, dek_index, key_id, shredded_us FROM tombstones "

// The first id that may come after `after`.
DekId FirstAfter(const std::optional<DekId>& after) {
  if (!after) return {};
  return {after->batch_id, after->index + 1};
}

}  // namespace

StatusOr<std::vector<std::optional<BatchRow>>> SqlDeks::GetBatches(
    std::span<const Uuid> batch_ids) {
  std::vector<std::optional<BatchRow>> rows;
  rows.reserve(batch_ids.size());
  for (const Uuid& id : batch_ids) {
    SR_ASSIGN_OR_RETURN(auto row, db_.One("SELECT " STRONGROOM_BATCH_COLUMNS
                                          " FROM batches WHERE batch_id = ?",
                                          ReadBatch, id));
    rows.push_back(std::move(row));
  }
  return rows;
}

StatusOr<std::vector<std::optional<DekRow>>> SqlDeks::GetDeks(
    std::span<const DekId> ids) {
  std::vector<std::optional<DekRow>> rows;
  rows.reserve(ids.size());
  for (const DekId& id : ids) {
    SR_ASSIGN_OR_RETURN(
        auto row,
        db_.One("SELECT batch_id, dek_index, leaf, labels, reference, "
                "created_us FROM deks WHERE batch_id = ? AND dek_index = ?",
                ReadDek, id.batch_id, id.index));
    rows.push_back(std::move(row));
  }
  return rows;
}

StatusOr<std::vector<ListedDek>> SqlDeks::ListDeks(
    const Uuid& key_id, uint32_t version, const std::optional<DekId>& after,
    size_t limit) {
  const DekId from = FirstAfter(after);
  if (version == 0) {
    return db_.All(STRONGROOM_LISTED_DEKS STRONGROOM_DEKS_AFTER, ReadListed,
                   key_id, from.batch_id, from.batch_id, from.index, limit);
  }
  return db_.All(STRONGROOM_LISTED_DEKS
                 "AND b.version = ? " STRONGROOM_DEKS_AFTER,
                 ReadListed, key_id, version, from.batch_id, from.batch_id,
                 from.index, limit);
}

StatusOr<std::vector<BatchRow>> SqlDeks::ListBatches(
    const Uuid& key_id, uint32_t version, const std::optional<Uuid>& after,
    size_t limit) {
  // A blob is greater than every prefix of itself, so nothing is before the
  // empty one.
  return db_.All("SELECT " STRONGROOM_BATCH_COLUMNS
                 " FROM batches WHERE key_id = ? AND version = ? AND "
                 "batch_id > ? ORDER BY batch_id LIMIT ?",
                 ReadBatch, key_id, version,
                 after ? after->bytes() : ByteView(), limit);
}

StatusOr<std::optional<TombstoneRow>> SqlDeks::GetTombstone(const DekId& id) {
  return db_.One(STRONGROOM_TOMBSTONES "WHERE batch_id = ? AND dek_index = ?",
                 ReadTombstone, id.batch_id, id.index);
}

StatusOr<std::vector<TombstoneRow>> SqlDeks::AllTombstones() {
  return db_.All(STRONGROOM_TOMBSTONES "ORDER BY batch_id, dek_index",
                 ReadTombstone);
}

StatusOr<std::optional<RegistrationRow>> SqlDeks::GetRegistration(
    std::string_view caller, const Uuid& request_id) {
  const auto read = [&](const Row& row) -> StatusOr<RegistrationRow> {
    RegistrationRow registration;
    registration.caller = caller;
    registration.request_id = request_id;
    SR_ASSIGN_OR_RETURN(registration.key_id, row.Id(0));
    SR_ASSIGN_OR_RETURN(registration.ids, DecodeIds(row.BlobView(1)));
    registration.made = row.Time(2);
    return registration;
  };
  return db_.One(
      "SELECT key_id, ids, made_us FROM registrations WHERE caller = ? AND "
      "request_id = ?",
      read, caller, request_id);
}

Status SqlDeks::VisitLeaves(
    std::span<const Uuid> batch_ids,
    const std::function<void(const DekId&, ByteView)>& visit) {
  for (const Uuid& id : batch_ids) {
    SR_ASSIGN_OR_RETURN(Statement statement,
                        db_.Prepare("SELECT dek_index, leaf FROM deks WHERE "
                                    "batch_id = ? ORDER BY dek_index"));
    statement.Bind(id);
    for (;;) {
      SR_ASSIGN_OR_RETURN(const bool more, statement.Step());
      if (!more) break;
      visit({id, statement.row().U32(0)}, statement.row().BlobView(1));
    }
  }
  return OkStatus();
}

Status SqlDeks::InsertBatches(std::span<const BatchRow> rows) {
  for (const BatchRow& row : rows) {
    SR_ASSIGN_OR_RETURN(
        const int64_t changed,
        db_.Change("INSERT INTO batches(" STRONGROOM_BATCH_COLUMNS
                   ") VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                   row.batch_id, row.key_id, row.version, row.header, row.deks,
                   row.leaves));
    if (changed != 1) return BatchExists(row.batch_id);
  }
  return OkStatus();
}

Status SqlDeks::UpdateBatches(std::span<const BatchRow> rows) {
  for (const BatchRow& row : rows) {
    SR_ASSIGN_OR_RETURN(
        const int64_t changed,
        db_.Change("UPDATE batches SET version = ?, header = ?, deks = ?, "
                   "leaves = ? WHERE batch_id = ? AND key_id = ?",
                   row.version, row.header, row.deks, row.leaves, row.batch_id,
                   row.key_id));
    if (changed != 1) return BatchMissing(row.batch_id);
  }
  return OkStatus();
}

Status SqlDeks::DeleteBatch(const Uuid& batch_id) {
  SR_ASSIGN_OR_RETURN(
      const bool remain,
      db_.Any("SELECT 1 FROM deks WHERE batch_id = ? LIMIT 1", batch_id));
  if (remain) return BatchHasDeks(batch_id);
  SR_ASSIGN_OR_RETURN(
      const int64_t changed,
      db_.Change("DELETE FROM batches WHERE batch_id = ?", batch_id));
  return changed == 1 ? OkStatus() : BatchMissing(batch_id);
}

Status SqlDeks::InsertDeks(std::span<const DekRow> rows) {
  for (const DekRow& row : rows) {
    SR_RETURN_IF_ERROR(ValidateRow(row));
    // The batch is looked for here and not by its foreign key alone, whose
    // failure would come without a name.
    SR_ASSIGN_OR_RETURN(
        const int64_t changed,
        db_.Change(
            "INSERT INTO deks(batch_id, dek_index, leaf, labels, reference, "
            "created_us) SELECT batch_id, ?, ?, ?, ?, ? FROM batches WHERE "
            "batch_id = ? ON CONFLICT DO NOTHING",
            row.id.index, row.leaf, EncodeLabels(row.labels), row.reference,
            row.created, row.id.batch_id));
    if (changed == 1) continue;
    SR_ASSIGN_OR_RETURN(const auto batch, GetBatch(row.id.batch_id));
    return batch ? DekExists(row.id) : BatchMissing(row.id.batch_id);
  }
  return OkStatus();
}

Status SqlDeks::DeleteDek(const DekId& id) {
  SR_ASSIGN_OR_RETURN(
      const int64_t changed,
      db_.Change("DELETE FROM deks WHERE batch_id = ? AND dek_index = ?",
                 id.batch_id, id.index));
  return changed == 1 ? OkStatus() : DekMissing(id);
}

Status SqlDeks::InsertTombstone(const TombstoneRow& row) {
  SR_ASSIGN_OR_RETURN(
      const int64_t changed,
      db_.Change("INSERT INTO tombstones(batch_id, dek_index, key_id, "
                 "shredded_us) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                 row.id.batch_id, row.id.index, row.key_id, row.shredded));
  return changed == 1 ? order_.Make(0) : TombstoneExists(row.id);
}

Status SqlDeks::PutRegistration(const RegistrationRow& row) {
  return db_.Run(
      "INSERT INTO registrations(caller, request_id, key_id, ids, made_us) "
      "VALUES (?, ?, ?, ?, ?) ON CONFLICT(caller, request_id) DO UPDATE SET "
      "key_id = excluded.key_id, ids = excluded.ids, made_us = "
      "excluded.made_us",
      row.caller, row.request_id, row.key_id, EncodeIds(row.ids), row.made);
}

Status SqlDeks::DropRegistrations(WallTime before, size_t limit) {
  return db_.Run(
      "DELETE FROM registrations WHERE (caller, request_id) IN (SELECT "
      "caller, request_id FROM registrations WHERE made_us < ? ORDER BY "
      "made_us LIMIT ?)",
      before, limit);
}

}  // namespace strongroom::store
