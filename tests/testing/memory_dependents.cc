#include "tests/testing/memory_dependents.h"

#include <algorithm>

namespace strongroom::testing {
using store::CensusRow;
using store::ClaimRow;
using store::UseRow;

StatusOr<std::vector<CensusRow>> MemoryDependents::CensusOf(
    const Uuid& key_id) {
  std::vector<CensusRow> rows;
  for (const auto& [id, row] : state_.census) {
    if (id.first == key_id) rows.push_back(row);
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

Status MemoryDependents::PutUse(const UseRow& row) {
  state_.uses.insert_or_assign(std::pair(row.key_id, row.version), row);
  return OkStatus();
}

Status MemoryDependents::PutClaim(const ClaimRow& row) {
  state_.claims.insert_or_assign(
      std::tuple(row.key_id, row.version, row.caller, row.source), row);
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

Status MemoryDependents::PutCensus(const CensusRow& row) {
  state_.census.insert_or_assign(std::pair(row.key_id, row.version), row);
  return OkStatus();
}

}  // namespace strongroom::testing
