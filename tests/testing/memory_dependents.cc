#include "tests/testing/memory_dependents.h"

#include <algorithm>

#include "store/row_codec.h"

namespace strongroom::testing {
using store::CensusRow;
using store::ClaimRow;
using store::UseRow;

StatusOr<std::vector<CensusRow>> MemoryDependents::CensusOf(
    const Uuid& key_id) {
  std::vector<CensusRow> rows;
  for (const auto& [id, sum] : state_.census) {
    if (id.first != key_id) continue;
    CensusRow& row = rows.emplace_back();
    row.key_id = key_id;
    row.version = id.second;
    if (sum.batches < 0 || sum.deks < 0) return store::CensusBelowZero(row);
    row.batches = static_cast<uint64_t>(sum.batches);
    row.deks = static_cast<uint64_t>(sum.deks);
  }
  return rows;
}

StatusOr<std::vector<UseRow>> MemoryDependents::UsesOf(const Uuid& key_id) {
  std::vector<UseRow> rows;
  for (const auto& [id, row] : state_.uses) {
    if (id.first == key_id) rows.push_back(row);
  }
  return rows;
}

StatusOr<std::vector<ClaimRow>> MemoryDependents::ClaimsOf(const Uuid& key_id) {
  std::vector<ClaimRow> rows;
  for (const auto& [id, row] : state_.claims) {
    if (row.key_id == key_id) rows.push_back(row);
  }
  return rows;
}

Status MemoryDependents::PutUses(std::span<const UseRow> rows) {
  for (const UseRow& row : rows) {
    state_.uses.insert_or_assign(std::pair(row.key_id, row.version), row);
  }
  return OkStatus();
}

Status MemoryDependents::PutClaims(std::span<const ClaimRow> rows) {
  for (const ClaimRow& row : rows) {
    state_.claims.insert_or_assign(
        std::tuple(row.key_id, row.version, row.caller, row.source), row);
  }
  return OkStatus();
}

Status MemoryDependents::DropClaims(const Uuid& key_id, std::string_view caller,
                                    std::string_view source) {
  std::erase_if(state_.claims, [&](const auto& claim) {
    const ClaimRow& row = claim.second;
    return row.key_id == key_id && row.caller == caller && row.source == source;
  });
  return OkStatus();
}

Status MemoryDependents::AddCensus(std::span<const store::CensusDelta> deltas) {
  for (const store::CensusDelta& delta : deltas) {
    store::CensusDelta& sum = state_.census[{delta.key_id, delta.version}];
    sum.batches += delta.batches;
    sum.deks += delta.deks;
  }
  return OkStatus();
}

}  // namespace strongroom::testing
