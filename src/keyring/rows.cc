#include "keyring/rows.h"

#include <unordered_map>

namespace strongroom::keyring {

const store::VersionRow* KeyRows::Find(uint32_t version) const {
  for (const store::VersionRow& row : versions) {
    if (row.version == version) return &row;
  }
  return nullptr;
}

StatusOr<KeyRows> ReadRows(store::ReadTransaction& transaction,
                           const Uuid& id) {
  SR_ASSIGN_OR_RETURN(std::optional<store::KeyRow> key, transaction.GetKey(id));
  if (!key) {
    return Error(Reason::kKeyNotFound,
                 "there is no key with the id " + id.ToString());
  }
  KeyRows rows;
  rows.key = *std::move(key);
  SR_ASSIGN_OR_RETURN(rows.versions, transaction.VersionsOf(id));
  SR_ASSIGN_OR_RETURN(rows.change_seq, transaction.ChangeSeq());
  return rows;
}

StatusOr<std::vector<KeyRows>> ReadAllRows(
    store::Store& store, std::vector<store::RemovedRow>* removed) {
  std::vector<KeyRows> rows;
  const Status stored = store.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(std::vector<store::KeyRow> keys, t.AllKeys());
    SR_ASSIGN_OR_RETURN(std::vector<store::VersionRow> versions,
                        t.AllVersions());
    SR_ASSIGN_OR_RETURN(const uint64_t change_seq, t.ChangeSeq());
    if (removed != nullptr) {
      SR_ASSIGN_OR_RETURN(*removed, t.AllRemoved());
    }
    rows.clear();
    std::unordered_map<Uuid, size_t> index;
    for (store::KeyRow& key : keys) {
      index.emplace(key.id, rows.size());
      rows.push_back({std::move(key), {}, change_seq});
    }
    for (store::VersionRow& version : versions) {
      auto found = index.find(version.key_id);
      if (found == index.end()) {
        return Error(Reason::kStoreCorrupt,
                     "the store has a version of the key " +
                         version.key_id.ToString() +
                         ", which has no row; restore a backup of the store");
      }
      rows[found->second].versions.push_back(std::move(version));
    }
    return OkStatus();
  });
  if (!stored.ok()) return stored;
  return rows;
}

model::KeySettings SettingsOf(const store::KeyRow& row) {
  return {.labels = row.labels,
          .rotation_period = std::chrono::seconds(row.rotation_period_s),
          .batch = {.max_items = row.max_items,
                    .max_age = std::chrono::milliseconds(row.max_age_ms)},
          .destroy_after = std::chrono::seconds(row.destroy_after_s),
          .registration = row.registration,
          .rewrap_on_rotation = row.rewrap_on_rotation,
          .retire_after = std::chrono::seconds(row.retire_after_s)};
}

void SetSettings(const model::KeySettings& settings, store::KeyRow* row) {
  row->labels = settings.labels;
  row->rotation_period_s = settings.rotation_period.count();
  row->max_items = settings.batch.max_items;
  row->max_age_ms = settings.batch.max_age.count();
  row->destroy_after_s = settings.destroy_after.count();
  row->registration = settings.registration;
  row->rewrap_on_rotation = settings.rewrap_on_rotation;
  row->retire_after_s = settings.retire_after.count();
}

std::string NameOf(const KeyRows& rows, uint32_t version) {
  return rows.key.name + " v" + std::to_string(version);
}

}  // namespace strongroom::keyring
