#include "store/sql/order.h"

#include <algorithm>
#include <string>

#include "store/row_codec.h"

namespace strongroom::store {
namespace {

struct HeldLease {
  Lease lease;
  int64_t expires_us = 0;  // of Connection::LeaseTime
};

StatusOr<std::optional<HeldLease>> FindLease(Connection& db,
                                             std::string_view name) {
  const auto read = [&](const Row& row) -> StatusOr<HeldLease> {
    const StatusOr<Uuid> holder = Uuid::Parse(row.Text(0));
    if (!holder.ok()) return CorruptRow("holder of a lease");
    return HeldLease{{std::string(name), *holder, row.U64(1)}, row.Int(2)};
  };
  return db.One("SELECT holder, fencing, expires_us FROM leases WHERE name = ?",
                read, name);
}

}  // namespace

StatusOr<Change> SqlOrder::Last() {
  const auto read = [](const Row& row) -> StatusOr<Change> {
    Change change{.seq = row.U64(0), .id = {}};
    SR_ASSIGN_OR_RETURN(change.id, row.Id(1));
    return change;
  };
  SR_ASSIGN_OR_RETURN(const std::optional<Change> change,
                      db_.One("SELECT seq, id FROM last_change", read));
  if (!change) return CorruptRow("newest change");
  return *change;
}

Status SqlOrder::Make(uint64_t seen) {
  if (!in_order_) return OutOfOrder();
  SR_ASSIGN_OR_RETURN(Change change, Last());
  change.seq = std::max(change.seq, seen) + 1;
  change.id = Uuid::Random();
  made_ = change;
  return db_.Run("UPDATE last_change SET seq = ?, id = ?", change.seq,
                 change.id);
}

StatusOr<std::optional<Lease>> SqlOrder::GetLease(std::string_view name) {
  SR_ASSIGN_OR_RETURN(const std::optional<HeldLease> held,
                      FindLease(db_, name));
  if (!held) return std::optional<Lease>();
  return std::optional<Lease>(held->lease);
}

StatusOr<Lease> SqlOrder::TakeLease(std::string_view name,
                                    std::chrono::seconds time) {
  SR_ASSIGN_OR_RETURN(const int64_t now, db_.LeaseTime());
  SR_ASSIGN_OR_RETURN(const std::optional<HeldLease> held,
                      FindLease(db_, name));
  const bool mine = held && held->lease.holder == replica_;
  if (held && !mine && held->expires_us > now) {
    return LeaseTaken(held->lease,
                      std::chrono::microseconds(held->expires_us - now));
  }
  Lease lease{.name = std::string(name),
              .holder = replica_,
              .fencing = mine ? held->lease.fencing : 0};
  if (!mine) {
    SR_ASSIGN_OR_RETURN(lease.fencing, NextFencing());
  }
  const int64_t expires_us = now + std::chrono::microseconds(time).count();
  SR_RETURN_IF_ERROR(
      db_.Run("INSERT INTO leases(name, holder, fencing, expires_us) "
              "VALUES (?, ?, ?, ?) ON CONFLICT(name) DO UPDATE SET "
              "holder = excluded.holder, fencing = excluded.fencing, "
              "expires_us = excluded.expires_us",
              lease.name, lease.holder.ToString(), lease.fencing, expires_us));
  return lease;
}

// One counter for all leases: so it grows also past a lease that was released
// and whose row is gone.
StatusOr<uint64_t> SqlOrder::NextFencing() {
  SR_RETURN_IF_ERROR(
      db_.Run("UPDATE counters SET value = value + 1 WHERE name = 'fencing'"));
  SR_ASSIGN_OR_RETURN(
      const int64_t value,
      db_.QueryInt("SELECT value FROM counters WHERE name = 'fencing'"));
  return static_cast<uint64_t>(value);
}

Status SqlOrder::CheckLease(const Lease& lease) {
  SR_ASSIGN_OR_RETURN(const std::optional<Lease> held, GetLease(lease.name));
  return held == lease ? OkStatus() : LeaseLost(lease);
}

Status SqlOrder::ReleaseLease(const Lease& lease) {
  return db_.Run(
      "DELETE FROM leases WHERE name = ? AND holder = ? AND fencing = ?",
      lease.name, lease.holder.ToString(), lease.fencing);
}

}  // namespace strongroom::store
