// SqlDeks: the rows of registered DEKs.
#pragma once

#include "store/sql/connection.h"
#include "store/sql/order.h"
#include "strongroom/store/deks.h"

namespace strongroom::store {

// As SqlTransaction, of which it is a part.
class SqlDeks final : public DekWrites {
 public:
  // Tombstones are made as changes, by `order`.
  SqlDeks(Connection& db, SqlOrder& order) : db_(db), order_(order) {}

  StatusOr<std::vector<std::optional<BatchRow>>> GetBatches(
      std::span<const Uuid> batch_ids) override;
  StatusOr<std::vector<std::optional<DekRow>>> GetDeks(
      std::span<const DekId> ids) override;
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
  Status VisitLeaves(std::span<const Uuid> batch_ids,
                     const std::function<void(const DekId& id, ByteView leaf)>&
                         visit) override;

  Status InsertBatches(std::span<const BatchRow> rows) override;
  Status UpdateBatches(std::span<const BatchRow> rows) override;
  Status DeleteBatch(const Uuid& batch_id) override;
  Status InsertDeks(std::span<const DekRow> rows) override;
  Status DeleteDek(const DekId& id) override;
  Status InsertTombstone(const TombstoneRow& row) override;
  Status PutRegistration(const RegistrationRow& row) override;
  Status DropRegistrations(WallTime before, size_t limit) override;

 private:
  Connection& db_;
  SqlOrder& order_;
};

}  // namespace strongroom::store
