#include "store/row_codec.h"

namespace strongroom::store {
namespace {

constexpr uint32_t kMaxVersion = 0x7fffffff;

std::string NameOf(const Uuid& key_id, uint32_t version) {
  return "version " + std::to_string(version) + " of key " + key_id.ToString();
}

}  // namespace

std::string EncodeLabels(const Labels& labels) {
  std::string text;
  for (const auto& [key, value] : labels) text += key + "=" + value + "\n";
  return text;
}

StatusOr<Labels> DecodeLabels(std::string_view text) {
  Labels labels;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const size_t equals = text.find('=');
    if (end == text.npos || equals > end) {
      return Error(Reason::kStoreCorrupt,
                   "the labels of a key are not \"key=value\" lines; restore a "
                   "backup of the store");
    }
    labels.emplace(text.substr(0, equals),
                   text.substr(equals + 1, end - equals - 1));
    text.remove_prefix(end + 1);
  }
  return labels;
}

Status ValidateRow(const KeyRow& row) { return ValidateLabels(row.labels); }

Status ValidateRow(const VersionRow& row) {
  if (row.version >= 1 && row.version <= kMaxVersion) return OkStatus();
  return Error(Reason::kArgumentInvalid,
               NameOf(row.key_id, row.version) +
                   ": the number is out of range; want 1 to 2147483647");
}

Status KeyExists(const KeyRow& row) {
  return Error(Reason::kKeyExists,
               "key " + row.name +
                   " exists already; choose another name, or use that key");
}

Status KeyMissing(const Uuid& id) {
  return Error(Reason::kKeyNotFound,
               "there is no key with the id " + id.ToString());
}

Status KeyHasVersions(const Uuid& id) {
  return Error(Reason::kConflict, "key " + id.ToString() +
                                      " has versions; a key is deleted after "
                                      "all its versions");
}

Status VersionExists(const VersionRow& row) {
  return Error(Reason::kConflict, NameOf(row.key_id, row.version) +
                                      " or its KEK " + row.kek_id.ToString() +
                                      " is in the store already");
}

Status VersionMissing(const Uuid& key_id, uint32_t version) {
  return Error(Reason::kVersionNotFound,
               "there is no " + NameOf(key_id, version));
}

Status KekChanged(const VersionRow& row) {
  return Error(Reason::kConflict,
               "the KEK of " + NameOf(row.key_id, row.version) +
                   " is fixed, and is not " + row.kek_id.ToString());
}

Status NotPending(const VersionRow& row) {
  return Error(Reason::kConflict,
               NameOf(row.key_id, row.version) +
                   " was finished since, and is not given up any more");
}

Status LeaseTaken(const Lease& lease, std::chrono::microseconds left) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(left);
  return Error(Reason::kConflict,
               "lease " + lease.name + " is held by replica " +
                   lease.holder.ToString() + " for another " +
                   std::to_string(seconds.count()) +
                   " s; try again after that");
}

Status LeaseLost(const Lease& lease) {
  return Error(Reason::kConflict,
               "lease " + lease.name + " (fencing number " +
                   std::to_string(lease.fencing) +
                   ") ran out and was taken by another, or was given back; "
                   "start the change again");
}

Status OutOfOrder() {
  return Error(Reason::kInternal,
               "a change is made outside the lock of changes");
}

Status CensusBelowZero(const CensusRow& row) {
  return Error(Reason::kStoreCorrupt,
               "the census of version " + std::to_string(row.version) +
                   " of key " + row.key_id.ToString() +
                   " is below zero; restore a backup of the store");
}

}  // namespace strongroom::store
