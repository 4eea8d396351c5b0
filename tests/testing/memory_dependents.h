// MemoryDependents: the rows of store/dependents.h in a MemoryStore.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "strongroom/store/dependents.h"

namespace strongroom::testing {

struct DependentState {
  // The sums, over all replicas.
  std::map<std::pair<Uuid, uint32_t>, store::CensusDelta> census;
  std::map<std::pair<Uuid, uint32_t>, store::UseRow> uses;
  std::map<std::tuple<Uuid, uint32_t, std::string, std::string>,
           store::ClaimRow>
      claims;
};

class MemoryDependents final : public store::DependentWrites {
 public:
  explicit MemoryDependents(DependentState& state) : state_(state) {}

  StatusOr<std::vector<store::CensusRow>> CensusOf(const Uuid& key_id) override;
  StatusOr<std::vector<store::UseRow>> UsesOf(const Uuid& key_id) override;
  StatusOr<std::vector<store::ClaimRow>> ClaimsOf(const Uuid& key_id) override;

  Status AddCensus(std::span<const store::CensusDelta> deltas) override;
  Status PutUses(std::span<const store::UseRow> rows) override;
  Status PutClaims(std::span<const store::ClaimRow> rows) override;
  Status DropClaims(const Uuid& key_id, std::string_view caller,
                    std::string_view source) override;

 private:
  DependentState& state_;
};

}  // namespace strongroom::testing
