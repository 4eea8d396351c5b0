// SqliteTransaction: the Transaction of one SQLite connection.
#pragma once

#include "store/sqlite_connection.h"
#include "store/sqlite_registered.h"
#include "strongroom/store/store.h"

namespace strongroom::store {

// It begins and ends nothing: its owner has begun, and will commit or not.
class SqliteTransaction final : public Transaction {
 public:
  explicit SqliteTransaction(Connection& db) : db_(db), registered_(db) {}

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
  SqliteRegistered& registered() override { return registered_; }

  bool change_seq_moved() const { return change_seq_moved_; }

 private:
  StatusOr<uint64_t> NextFencing();
  Status WriteLease(const Lease& lease);

  Connection& db_;
  bool change_seq_moved_ = false;
  SqliteRegistered registered_;
};

}  // namespace strongroom::store
