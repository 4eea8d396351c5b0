// SqlDependents: the rows of what depends on a version.
#pragma once

#include "store/sql/connection.h"
#include "strongroom/store/dependents.h"

namespace strongroom::store {

// As SqlTransaction, of which it is a part.
class SqlDependents final : public DependentWrites {
 public:
  SqlDependents(Connection& db, const Uuid& replica)
      : db_(db), replica_(replica) {}

  // FoldCensus adds up what replicas other than this one have counted. They
  // must be gone.
  Status FoldCensus();

  StatusOr<std::vector<CensusRow>> CensusOf(const Uuid& key_id) override;
  StatusOr<std::vector<UseRow>> UsesOf(const Uuid& key_id) override;
  StatusOr<std::vector<ClaimRow>> ClaimsOf(const Uuid& key_id) override;

  Status AddCensus(std::span<const CensusDelta> deltas) override;
  Status PutUses(std::span<const UseRow> rows) override;
  Status PutClaims(std::span<const ClaimRow> rows) override;
  Status DropClaims(const Uuid& key_id, std::string_view caller,
                    std::string_view source) override;

 private:
  Connection& db_;
  const Uuid& replica_;
};

}  // namespace strongroom::store
