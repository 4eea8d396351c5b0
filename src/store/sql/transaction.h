// SqlTransaction: the Transaction of a connection, of whatever dialect.
#pragma once

#include "store/sql/connection.h"
#include "store/sql/deks.h"
#include "store/sql/dependents.h"
#include "store/sql/jobs.h"
#include "store/sql/order.h"
#include "strongroom/store/store.h"

namespace strongroom::store {

// It begins and ends nothing: its owner has begun, and will commit or not.
class SqlTransaction final : public Transaction {
 public:
  // InOrder: its owner holds the lock of changes (Store::UpdateInOrder).
  enum class Kind { kAny, kInOrder };
  SqlTransaction(Connection& db, const Uuid& replica, Kind kind = Kind::kAny)
      : db_(db),
        order_(db, replica, kind == Kind::kInOrder),
        deks_(db, order_),
        dependents_(db, replica),
        jobs_(db) {}

  StatusOr<std::optional<KeyRow>> GetKey(const Uuid& id) override;
  StatusOr<std::optional<KeyRow>> FindKey(std::string_view name) override;
  StatusOr<std::vector<KeyRow>> AllKeys() override;
  StatusOr<std::vector<VersionRow>> VersionsOf(const Uuid& key_id) override;
  StatusOr<std::vector<VersionRow>> AllVersions() override;
  StatusOr<std::vector<RemovedRow>> AllRemoved() override;
  StatusOr<std::optional<std::string>> GetSetting(
      std::string_view name) override;
  StatusOr<Change> LastChange() override { return order_.Last(); }
  StatusOr<std::optional<Lease>> GetLease(std::string_view name) override {
    return order_.GetLease(name);
  }

  Status InsertKey(const KeyRow& row) override;
  Status UpdateKey(const KeyRow& row) override;
  Status DeleteKey(const Uuid& id) override;
  Status InsertVersion(const VersionRow& row) override;
  Status UpdateVersions(std::span<const VersionRow> rows) override;
  Status CloseVersions(const Uuid& key_id,
                       std::span<const uint32_t> versions) override;
  Status DeleteVersion(const Uuid& key_id, uint32_t version) override;
  Status RemoveVersion(const Uuid& key_id, uint32_t version,
                       WallTime now) override;
  Status PutSetting(std::string_view name, std::string_view value) override;
  Status RaiseChangeSeq(uint64_t seen) override { return order_.Make(seen); }
  StatusOr<Lease> TakeLease(std::string_view name,
                            std::chrono::seconds time) override {
    return order_.TakeLease(name, time);
  }
  Status CheckLease(const Lease& lease) override {
    return order_.CheckLease(lease);
  }
  Status ReleaseLease(const Lease& lease) override {
    return order_.ReleaseLease(lease);
  }
  SqlDeks& deks() override { return deks_; }
  SqlDependents& dependents() override { return dependents_; }
  SqlJobs& jobs() override { return jobs_; }

  // The newest change that this transaction has made.
  const std::optional<Change>& made() const { return order_.made(); }

 private:
  Connection& db_;
  SqlOrder order_;
  SqlDeks deks_;
  SqlDependents dependents_;
  SqlJobs jobs_;
};

}  // namespace strongroom::store
