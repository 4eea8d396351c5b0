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
  // `make_change` is called for each tombstone.
  MemoryDeks(DekState& state, std::function<Status()> make_change)
      : state_(state), make_change_(std::move(make_change)) {}

  StatusOr<std::vector<std::optional<store::BatchRow>>> GetBatches(
      std::span<const Uuid> batch_ids) override;
  StatusOr<std::vector<std::optional<store::DekRow>>> GetDeks(
      std::span<const store::DekId> ids) override;
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
      std::span<const Uuid> batch_ids,
      const std::function<void(const store::DekId&, ByteView)>& visit) override;

  Status InsertBatches(std::span<const store::BatchRow> rows) override;
  Status UpdateBatches(std::span<const store::BatchRow> rows) override;
  Status DeleteBatch(const Uuid& batch_id) override;
  Status InsertDeks(std::span<const store::DekRow> rows) override;
  Status DeleteDek(const store::DekId& id) override;
  Status InsertTombstone(const store::TombstoneRow& row) override;
  Status PutRegistration(const store::RegistrationRow& row) override;
  Status DropRegistrations(WallTime before, size_t limit) override;

 private:
  DekState& state_;
  const std::function<Status()> make_change_;
};

}  // namespace strongroom::testing
