// SqlTransaction: the Transaction of a connection, of whatever dialect.
#pragma once

#include "store/sql/connection.h"
#include "store/sql/deks.h"
#include "store/sql/dependents.h"
#include "store/sql/jobs.h"
#include "strongroom/store/store.h"

namespace strongroom::store {

// It begins and ends nothing: its owner has begun, and will commit or not.
class SqlTransaction final : public Transaction {
 public:
  explicit SqlTransaction(Connection& db)
      : db_(db), deks_(db), dependents_(db), jobs_(db) {}

  StatusOr<std::optional<KeyRow>> GetKey(const Uuid& id) override;
  StatusOr<std::optional<KeyRow>> FindKey(std::string_view name) override;
  StatusOr<std::vector<KeyRow>> AllKeys() override;
  StatusOr<std::vector<VersionRow>> VersionsOf(const Uuid& key_id) override;
  StatusOr<std::vector<VersionRow>> AllVersions() override;
  StatusOr<std::optional<std::string>> GetSetting(
      std::string_view name) override;
  StatusOr<uint64_t> ChangeSeq() override;
  StatusOr<std::optional<Lease>> GetLease(std::string_view name) override;

  Status InsertKey(const KeyRow& row) override;
  Status UpdateKey(const KeyRow& row) override;
  Status DeleteKey(const Uuid& id) override;
  Status InsertVersion(const VersionRow& row) override;
  Status UpdateVersion(const VersionRow& row) override;
  Status DeleteVersion(const Uuid& key_id, uint32_t version) override;
  Status PutSetting(std::string_view name, std::string_view value) override;
  Status BumpChangeSeq() override;
  Status RaiseChangeSeq(uint64_t seen) override;
  StatusOr<Lease> TakeLease(std::string_view name, std::string_view holder,
                            WallTime now, WallTime expires) override;
  Status CheckLease(const Lease& lease, WallTime now) override;
  Status ReleaseLease(const Lease& lease) override;
  SqlDeks& deks() override { return deks_; }
  SqlDependents& dependents() override { return dependents_; }
  SqlJobs& jobs() override { return jobs_; }

  bool change_seq_moved() const { return change_seq_moved_; }

 private:
  StatusOr<uint64_t> NextFencing();

  Connection& db_;
  SqlDeks deks_;
  SqlDependents dependents_;
  SqlJobs jobs_;
  bool change_seq_moved_ = false;
};

}  // namespace strongroom::store
