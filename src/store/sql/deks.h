// SqlDeks: the rows of registered DEKs.
#pragma once

#include "store/sql/connection.h"
#include "strongroom/store/deks.h"

namespace strongroom::store {

// As SqlTransaction, of which it is a part.
class SqlDeks final : public DekWrites {
 public:
  explicit SqlDeks(Connection& db) : db_(db) {}

  StatusOr<std::optional<BatchRow>> GetBatch(const Uuid& batch_id) override;
  StatusOr<std::optional<DekRow>> GetDek(const DekId& id) override;
  StatusOr<std::vector<ListedDek>> ListDeks(const Uuid& key_id,
                                            uint32_t version,
                                            const std::optional<DekId>& after,
                                            size_t limit) override;
  StatusOr<std::vector<BatchRow>> ListBatches(const Uuid& key_id,
                                              uint32_t version,
                                              const std::optional<Uuid>& after,
                                              size_t limit) override;
  StatusOr<std::optional<TombstoneRow>> GetTombstone(const DekId& id) override;
  StatusOr<std::vector<TombstoneRow>> AllTombstones() override;
  StatusOr<std::optional<RegistrationRow>> GetRegistration(
      std::string_view caller, const Uuid& request_id) override;
  Status VisitLeaves(
      const Uuid& batch_id,
      const std::function<void(uint32_t index, ByteView leaf)>& visit) override;

  Status InsertBatch(const BatchRow& row) override;
  Status UpdateBatch(const BatchRow& row) override;
  Status DeleteBatch(const Uuid& batch_id) override;
  Status InsertDek(const DekRow& row) override;
  Status DeleteDek(const DekId& id) override;
  Status InsertTombstone(const TombstoneRow& row) override;
  Status PutRegistration(const RegistrationRow& row) override;
  Status DropRegistrations(WallTime before, size_t limit) override;

 private:
  Connection& db_;
};

}  // namespace strongroom::store
