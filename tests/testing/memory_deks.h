// MemoryDeks: the rows of store/deks.h in a MemoryStore.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "strongroom/store/deks.h"

namespace strongroom::testing {

struct DekState {
  std::map<Uuid, store::BatchRow> batches;
  std::map<store::DekId, store::DekRow> deks;
  std::map<store::DekId, store::TombstoneRow> tombstones;
  std::map<std::pair<std::string, Uuid>, store::RegistrationRow> registrations;
};

class MemoryDeks final : public store::DekWrites {
 public:
  explicit MemoryDeks(DekState& state) : state_(state) {}

  StatusOr<std::optional<store::BatchRow>> GetBatch(
      const Uuid& batch_id) override;
  StatusOr<std::optional<store::DekRow>> GetDek(
      const store::DekId& id) override;
  StatusOr<std::vector<store::ListedDek>> ListDeks(
      const Uuid& key_id, uint32_t version,
      const std::optional<store::DekId>& after, size_t limit) override;
  StatusOr<std::vector<store::BatchRow>> ListBatches(
      const Uuid& key_id, uint32_t version, const std::optional<Uuid>& after,
      size_t limit) override;
  StatusOr<std::optional<store::TombstoneRow>> GetTombstone(
      const store::DekId& id) override;
  StatusOr<std::vector<store::TombstoneRow>> AllTombstones() override;
  StatusOr<std::optional<store::RegistrationRow>> GetRegistration(
      std::string_view caller, const Uuid& request_id) override;
  Status VisitLeaves(
      const Uuid& batch_id,
      const std::function<void(uint32_t index, ByteView leaf)>& visit) override;

  Status InsertBatch(const store::BatchRow& row) override;
  Status UpdateBatch(const store::BatchRow& row) override;
  Status DeleteBatch(const Uuid& batch_id) override;
  Status InsertDek(const store::DekRow& row) override;
  Status DeleteDek(const store::DekId& id) override;
  Status InsertTombstone(const store::TombstoneRow& row) override;
  Status PutRegistration(const store::RegistrationRow& row) override;
  Status DropRegistrations(WallTime before, size_t limit) override;

 private:
  DekState& state_;
};

}  // namespace strongroom::testing
