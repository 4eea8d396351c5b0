#include "store/dek_codec.h"

namespace strongroom::store {
namespace {

constexpr size_t kIdSize = Uuid::kSize + 4;

Status WrongList() {
  return Error(
      Reason::kStoreCorrupt,
      "a row of the store has a wrong list of ids or versions; restore "
      "a backup of the store");
}

}  // namespace

Status ValidateRow(const DekRow& row) {
  SR_RETURN_IF_ERROR(ValidateLabels(row.labels));
  return ValidateReference(row.reference);
}

Status BatchExists(const Uuid& batch_id) {
  return Error(Reason::kConflict,
               "batch " + batch_id.ToString() + " is registered already");
}

Status BatchMissing(const Uuid& batch_id) {
  return Error(Reason::kConflict, "batch " + batch_id.ToString() +
                                      " is not registered (any more)");
}

Status BatchHasDeks(const Uuid& batch_id) {
  return Error(Reason::kConflict,
               "batch " + batch_id.ToString() + " still has DEKs");
}

Status DekExists(const DekId& id) {
  return Error(Reason::kConflict,
               "DEK " + id.ToString() + " is registered already");
}

Status DekMissing(const DekId& id) {
  return Error(Reason::kDekNotFound,
               "there is no registered DEK " + id.ToString());
}

Status TombstoneExists(const DekId& id) {
  return Error(Reason::kConflict,
               "DEK " + id.ToString() + " was shredded already");
}

Status JobFailureExists(const JobFailureRow& row) {
  return Error(Reason::kConflict, "job " + row.job_id.ToString() +
                                      " has a failure of batch " +
                                      row.batch_id.ToString() + " already");
}

Bytes EncodeVersions(const std::vector<uint32_t>& versions) {
  Bytes bytes;
  for (uint32_t version : versions) AppendU32(&bytes, version);
  return bytes;
}

StatusOr<std::vector<uint32_t>> DecodeVersions(ByteView bytes) {
  if (bytes.size() % 4 != 0) return WrongList();
  std::vector<uint32_t> versions;
  for (; !bytes.empty(); bytes = bytes.subspan(4)) {
    versions.push_back(LoadU32(bytes.data()));
  }
  return versions;
}

Bytes EncodeIds(const std::vector<DekId>& ids) {
  Bytes bytes;
  bytes.reserve(ids.size() * kIdSize);
  for (const DekId& id : ids) {
    Append(&bytes, id.batch_id.bytes());
    AppendU32(&bytes, id.index);
  }
  return bytes;
}

StatusOr<std::vector<DekId>> DecodeIds(ByteView bytes) {
  if (bytes.size() % kIdSize != 0) {
    return WrongList();
  }
  std::vector<DekId> ids;
  ids.reserve(bytes.size() / kIdSize);
  for (; !bytes.empty(); bytes = bytes.subspan(kIdSize)) {
    SR_ASSIGN_OR_RETURN(Uuid batch_id,
                        Uuid::FromBytes(bytes.first(Uuid::kSize)));
    ids.push_back({batch_id, LoadU32(bytes.data() + Uuid::kSize)});
  }
  return ids;
}

}  // namespace strongroom::store
