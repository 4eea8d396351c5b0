// SqlOrder: the rows by which replicas agree: leases, and the newest change.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "store/sql/connection.h"
#include "strongroom/store/store.h"

namespace strongroom::store {

// As SqlTransaction, of which it is a part.
class SqlOrder {
 public:
  // in_order: the lock of changes is held.
  SqlOrder(Connection& db, const Uuid& replica, bool in_order)
      : db_(db), replica_(replica), in_order_(in_order) {}

  StatusOr<Change> Last();
  // Make makes a change above `seen`. INTERNAL without the lock.
  Status Make(uint64_t seen);
  const std::optional<Change>& made() const { return made_; }

  StatusOr<std::optional<Lease>> GetLease(std::string_view name);
  StatusOr<Lease> TakeLease(std::string_view name, std::chrono::seconds time);
  Status CheckLease(const Lease& lease);
  Status ReleaseLease(const Lease& lease);

 private:
  StatusOr<uint64_t> NextFencing();

  Connection& db_;
  const Uuid& replica_;
  const bool in_order_;
  std::optional<Change> made_;
};

}  // namespace strongroom::store
