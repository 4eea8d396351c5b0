#include "service/traces.h"

#include <algorithm>

namespace strongroom::service {
namespace {

// Issues counts items by key and version: few of them, often one.
class Issues {
 public:
  void Add(const Uuid& key_id, uint32_t version) {
    if (!counts_.empty() && counts_.back().version == version &&
        counts_.back().key_id == key_id) {
      ++counts_.back().items;
      return;
    }
    counts_.push_back({key_id, version, 1});
  }
  Status Count(keyring::Keyring& keyring) const {
    for (const One& one : counts_) {
      SR_RETURN_IF_ERROR(
          keyring.CountIssued(one.key_id, one.version, one.items));
    }
    return OkStatus();
  }

 private:
  struct One {
    Uuid key_id;
    uint32_t version;
    uint64_t items;
  };
  std::vector<One> counts_;
};

}  // namespace

Status CountIssued(keyring::Keyring& keyring, const auth::Permit& permit,
                   std::span<const model::SealedItem> items) {
  Issues issues;
  for (const model::SealedItem& item : items) {
    if (item.status.ok()) issues.Add(permit.key_id(), item.key_version);
  }
  return issues.Count(keyring);
}

Status CountRewrapped(keyring::Keyring& keyring, const Owners& owners,
                      std::span<const model::RewrappedItem> items,
                      std::span<const Uuid> key_ids) {
  Issues issues;
  OpenedVersions opened;
  for (size_t i = 0; i < items.size(); ++i) {
    const model::RewrappedItem& item = items[i];
    if (!item.status.ok() || item.key_version == item.previous_key_version) {
      continue;
    }
    opened.Add(key_ids[i], item.previous_key_version);
    // What such a key wraps is registered, whoever moves a copy of it.
    if (owners.Of(key_ids[i]).key->always_required) continue;
    issues.Add(key_ids[i], item.key_version);
  }
  SR_RETURN_IF_ERROR(issues.Count(keyring));
  opened.Note(keyring);
  return OkStatus();
}

void OpenedVersions::Add(const Uuid& key_id, uint32_t version) {
  const std::pair one(key_id, version);
  if (std::ranges::find(versions_, one) == versions_.end()) {
    versions_.push_back(one);
  }
}

void OpenedVersions::Note(keyring::Keyring& keyring) const {
  for (const auto& [key_id, version] : versions_) {
    keyring.NoteOpened(key_id, version);
  }
}

}  // namespace strongroom::service
