#include "store/registered_codec.h"

#include <charconv>

namespace strongroom::store {
namespace {

constexpr size_t kIdSize = Uuid::kSize + 4;
constexpr size_t kUuidTextSize = 36;

Status NotAnId(std::string_view text) {
  return Error(Reason::kArgumentInvalid,
               "\"" + std::string(text.substr(0, 64)) +
                   "\" is not the id of a registered DEK; want <uuid>:<index> "
                   "as the service gave it");
}

Status WrongList() {
  return Error(
      Reason::kStoreCorrupt,
      "a row of the store has a wrong list of ids or versions; restore "
      "a backup of the store");
}

}  // namespace

std::string DekId::ToString() const {
  return batch_id.ToString() + ":" + std::to_string(index);
}

StatusOr<DekId> DekId::Parse(std::string_view text) {
  if (text.size() < kUuidTextSize + 2 || text[kUuidTextSize] != ':') {
    return NotAnId(text);
  }
  StatusOr<Uuid> batch_id = Uuid::Parse(text.substr(0, kUuidTextSize));
  if (!batch_id.ok()) return NotAnId(text);
  const std::string_view number = text.substr(kUuidTextSize + 1);
  uint32_t index = 0;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), index);
  DekId id{*batch_id, index};
  // One text for one id: no leading zeros, no upper-case hex.
  if (error != std::errc() || end != number.data() + number.size() ||
      id.ToString() != text) {
    return NotAnId(text);
  }
  return id;
}

Status ValidateRow(const DekRow& row) {
  SR_RETURN_IF_ERROR(ValidateLabels(row.labels));
  return ValidateReference(row.reference);
}

Status ValidateReference(std::string_view reference) {
  if (reference.size() <= kMaxReferenceSize && IsUtf8(reference)) {
    return OkStatus();
  }
  return Error(Reason::kArgumentInvalid,
               "the reference has " + std::to_string(reference.size()) +
                   " bytes; want at most " + std::to_string(kMaxReferenceSize) +
                   ", and UTF-8");
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
