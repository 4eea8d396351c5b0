#include "tests/testing/memory_deks.h"

#include <algorithm>

#include "store/dek_codec.h"

namespace strongroom::testing {
namespace {

template <typename Map, typename Key>
StatusOr<std::optional<typename Map::mapped_type>> Get(const Map& map,
                                                       const Key& key) {
  auto found = map.find(key);
  if (found == map.end()) return std::optional<typename Map::mapped_type>();
  return std::optional<typename Map::mapped_type>(found->second);
}

}  // namespace

using store::BatchRow;
using store::DekId;
using store::DekRow;
using store::ListedDek;
using store::RegistrationRow;
using store::TombstoneRow;

StatusOr<std::vector<std::optional<BatchRow>>> MemoryDeks::GetBatches(
    std::span<const Uuid> batch_ids) {
  std::vector<std::optional<BatchRow>> rows;
  for (const Uuid& id : batch_ids) rows.push_back(*Get(state_.batches, id));
  return rows;
}

StatusOr<std::vector<std::optional<DekRow>>> MemoryDeks::GetDeks(
    std::span<const DekId> ids) {
  std::vector<std::optional<DekRow>> rows;
  for (const DekId& id : ids) rows.push_back(*Get(state_.deks, id));
  return rows;
}

StatusOr<std::vector<ListedDek>> MemoryDeks::ListDeks(
    const Uuid& key_id, uint32_t version, const std::optional<DekId>& after,
    size_t limit) {
  std::vector<ListedDek> listed;
  auto at = after ? state_.deks.upper_bound(*after) : state_.deks.begin();
  for (; at != state_.deks.end() && listed.size() < limit; ++at) {
    const BatchRow& batch = state_.batches.at(at->first.batch_id);
    if (batch.key_id != key_id) continue;
    if (version != 0 && batch.version != version) continue;
    listed.push_back({at->second, batch.version});
    listed.back().dek.leaf.clear();
  }
  return listed;
}

StatusOr<std::vector<BatchRow>> MemoryDeks::ListBatches(
    const Uuid& key_id, uint32_t version, const std::optional<Uuid>& after,
    size_t limit) {
  std::vector<BatchRow> listed;
  auto at = after ? state_.batches.upper_bound(*after) : state_.batches.begin();
  for (; at != state_.batches.end() && listed.size() < limit; ++at) {
    const BatchRow& batch = at->second;
    if (batch.key_id == key_id && batch.version == version) {
      listed.push_back(batch);
    }
  }
  return listed;
}

StatusOr<std::optional<TombstoneRow>> MemoryDeks::GetTombstone(
    const DekId& id) {
  return Get(state_.tombstones, id);
}

StatusOr<std::vector<TombstoneRow>> MemoryDeks::AllTombstones() {
  std::vector<TombstoneRow> rows;
  for (const auto& [id, row] : state_.tombstones) rows.push_back(row);
  return rows;
}

StatusOr<std::optional<RegistrationRow>> MemoryDeks::GetRegistration(
    std::string_view caller, const Uuid& request_id) {
  return Get(state_.registrations, std::pair(std::string(caller), request_id));
}

Status MemoryDeks::InsertBatches(std::span<const BatchRow> rows) {
  for (const BatchRow& row : rows) {
    if (!state_.batches.emplace(row.batch_id, row).second) {
      return store::BatchExists(row.batch_id);
    }
  }
  return OkStatus();
}

Status MemoryDeks::UpdateBatches(std::span<const BatchRow> rows) {
  for (const BatchRow& row : rows) {
    auto found = state_.batches.find(row.batch_id);
    if (found == state_.batches.end() || found->second.key_id != row.key_id) {
      return store::BatchMissing(row.batch_id);
    }
    found->second = row;
  }
  return OkStatus();
}

Status MemoryDeks::DeleteBatch(const Uuid& batch_id) {
  auto dek = state_.deks.lower_bound({batch_id, 0});
  if (dek != state_.deks.end() && dek->first.batch_id == batch_id) {
    return store::BatchHasDeks(batch_id);
  }
  return state_.batches.erase(batch_id) == 1 ? OkStatus()
                                             : store::BatchMissing(batch_id);
}

Status MemoryDeks::InsertDeks(std::span<const DekRow> rows) {
  for (const DekRow& row : rows) {
    SR_RETURN_IF_ERROR(store::ValidateRow(row));
    if (!state_.batches.contains(row.id.batch_id)) {
      return store::BatchMissing(row.id.batch_id);
    }
    if (!state_.deks.emplace(row.id, row).second) {
      return store::DekExists(row.id);
    }
  }
  return OkStatus();
}

Status MemoryDeks::DeleteDek(const DekId& id) {
  return state_.deks.erase(id) == 1 ? OkStatus() : store::DekMissing(id);
}

Status MemoryDeks::InsertTombstone(const TombstoneRow& row) {
  return state_.tombstones.emplace(row.id, row).second
             ? make_change_()
             : store::TombstoneExists(row.id);
}

Status MemoryDeks::PutRegistration(const RegistrationRow& row) {
  state_.registrations.insert_or_assign(std::pair(row.caller, row.request_id),
                                        row);
  return OkStatus();
}

Status MemoryDeks::DropRegistrations(WallTime before, size_t limit) {
  std::vector<RegistrationRow> old;
  for (const auto& [id, row] : state_.registrations) {
    if (row.made < before) old.push_back(row);
  }
  std::ranges::sort(old, {}, &RegistrationRow::made);
  for (size_t i = 0; i < std::min(limit, old.size()); ++i) {
    state_.registrations.erase({old[i].caller, old[i].request_id});
  }
  return OkStatus();
}

Status MemoryDeks::VisitLeaves(
    std::span<const Uuid> batch_ids,
    const std::function<void(const DekId&, ByteView)>& visit) {
  for (const Uuid& id : batch_ids) {
    for (auto at = state_.deks.lower_bound({id, 0});
         at != state_.deks.end() && at->first.batch_id == id; ++at) {
      visit(at->first, at->second.leaf);
    }
  }
  return OkStatus();
}

}  // namespace strongroom::testing
