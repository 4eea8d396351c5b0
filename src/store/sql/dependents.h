// SqlDependents: the rows of what depends on a version.
#pragma once

#include "store/sql/connection.h"
#include "strongroom/store/dependents.h"

namespace strongroom::store {

// As SqlTransaction, of which it is a part.
class SqlDependents final : public DependentWrites {
 public:
  explicit SqlDependents(Connection& db) : db_(db) {}

  StatusOr<std::vector<CensusRow>> CensusOf(const Uuid& key_id) override;
  StatusOr<std::vector<UseRow>> UsesOf(const Uuid& key_id) override;
  StatusOr<std::vector<ClaimRow>> ClaimsOf(const Uuid& key_id) override;

  Status PutCensus(const CensusRow& row) override;
  Status PutUse(const UseRow& row) override;
  Status PutClaim(const ClaimRow& row) override;
  Status DropClaims(const Uuid& key_id, std::string_view caller,
                    std::string_view source) override;

 private:
  Connection& db_;
};

}  // namespace strongroom::store
