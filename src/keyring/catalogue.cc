#include "keyring/catalogue.h"

#include <algorithm>
#include <array>

namespace strongroom::keyring {
namespace {

using model::kAllVersionStates;

// A version's time runs from the rotation to its successor. One that the timer
// has retired before, and somebody enabled again, stays.
std::optional<WallTime> RetireTime(const KeyRows& rows,
                                   const store::VersionRow& row) {
  if (rows.key.retire_after_s == 0 || row.retired ||
      row.state != VersionState::kEnabled ||
      row.version >= rows.key.primary_version) {
    return std::nullopt;
  }
  for (const store::VersionRow& next : rows.versions) {
    if (next.version <= row.version || next.state == VersionState::kPending) {
      continue;
    }
    return next.created + std::chrono::seconds(rows.key.retire_after_s);
  }
  return std::nullopt;
}

StatusOr<std::shared_ptr<const Key>> MakeKey(const KeyRows& rows) {
  if (!KeyName::Parse(rows.key.name).ok()) {
    return Error(Reason::kStoreCorrupt,
                 "key " + rows.key.id.ToString() +
                     " has a name that cannot be; restore a backup of the "
                     "store");
  }
  auto key = std::make_shared<Key>();
  key->id = rows.key.id;
  key->name = rows.key.name;
  key->settings = SettingsOf(rows.key);
  key->primary = rows.key.primary_version;
  key->next_rotation = rows.key.next_rotation;
  key->always_required = rows.key.always_required;
  key->created = rows.key.created;
  key->versions.reserve(rows.versions.size());
  for (const store::VersionRow& row : rows.versions) {
    key->versions.push_back({.number = row.version,
                             .kek_id = row.kek_id,
                             .state = row.state,
                             .created = row.created,
                             .destroy_time = row.destroy_time,
                             .destruction_held = row.held,
                             .retire_time = RetireTime(rows, row)});
  }
  if (key->Find(key->primary) == nullptr) {
    return Error(Reason::kStoreCorrupt,
                 "key " + rows.key.name + " has the primary v" +
                     std::to_string(key->primary) +
                     ", which has no row; restore a backup of the store");
  }
  return std::shared_ptr<const Key>(std::move(key));
}

}  // namespace

const Key* Snapshot::FindByName(std::string_view name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

const Key* Snapshot::FindById(const Uuid& id) const {
  auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second.get();
}

Catalogue::Catalogue(Metrics& metrics)
    : keys_gauge_(metrics.GetGauge("strongroom_keys", "Keys in the keyring.")),
      view_(std::make_shared<View>()) {
  for (VersionState state : kAllVersionStates) {
    version_gauges_.emplace_back(
        state,
        &metrics.GetGauge("strongroom_key_versions", "Key versions by state.",
                          {{"state", StateName(state)}}));
  }
}

Status Catalogue::Publish(const std::vector<KeyRows>& rows,
                          const DescribeNew& describe) {
  const std::shared_ptr<const View> before = Get();
  auto snapshot = std::make_shared<Snapshot>(*before->snapshot);
  auto view = std::make_shared<View>(*before);
  for (const KeyRows& one : rows) {
    if (one.key.primary_version == 0) continue;
    SR_ASSIGN_OR_RETURN(std::shared_ptr<const Key> key, MakeKey(one));
    auto live = std::make_shared<LiveKey>();
    live->key = key;
    const LiveKey* old = before->Find(one.key.id);
    for (size_t i = 0; i < one.versions.size(); ++i) {
      const store::VersionRow& row = one.versions[i];
      const Version* known =
          old == nullptr ? nullptr : old->key->Find(row.version);
      // A PENDING version was only shown: its ledger begins when it is enabled.
      if (known != nullptr && known->kek_id == row.kek_id &&
          known->state != VersionState::kPending) {
        live->versions.push_back(old->versions[static_cast<size_t>(
            known - old->key->versions.data())]);
        continue;
      }
      const New fresh = describe(row);
      live->versions.push_back(std::make_shared<LiveVersion>(
          row.seals_reserved, fresh.left, fresh.on_token));
    }
    snapshot->by_name_.insert_or_assign(key->name, key);
    snapshot->by_id_.insert_or_assign(key->id, key);
    snapshot->change_seq_ = std::max(snapshot->change_seq_, one.change_seq);
    view->keys.insert_or_assign(key->id, std::move(live));
  }
  view->snapshot = std::move(snapshot);
  Replace(std::move(view));
  return OkStatus();
}

Status Catalogue::Republish(const std::vector<KeyRows>& rows) {
  return Publish(rows, [](const store::VersionRow&) { return New{}; });
}

StatusOr<std::shared_ptr<const Key>> Catalogue::Published(
    const Uuid& id) const {
  const std::shared_ptr<const View> view = Get();
  const LiveKey* live = view->Find(id);
  if (live != nullptr) return live->key;
  return Error(Reason::kKeyNotFound,
               "there is no key with the id " + id.ToString());
}

void Catalogue::Replace(std::shared_ptr<const View> view) {
  std::array<int64_t, std::size(kAllVersionStates) + 1> counts{};
  for (const auto& [name, key] : view->snapshot->keys()) {
    for (const Version& version : key->versions) {
      ++counts[static_cast<size_t>(version.state)];
    }
  }
  keys_gauge_.Set(static_cast<double>(view->keys.size()));
  for (const auto& [state, gauge] : version_gauges_) {
    gauge->Set(static_cast<double>(counts[static_cast<size_t>(state)]));
  }
  // The old view may be the last of its kind: it is freed outside the lock.
  MutexLock lock(mutex_);
  view_.swap(view);
}

}  // namespace strongroom::keyring
