// Registered DEKs as rows: docs/formats.md, section 3.
//
// One row for each batch (its header), one for each leaf; a rewrap touches
// batch rows alone. The rows are plain: the registry decides which of them
// change together (registry/registry.h).
// Thread rule: as the transaction that gives them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "strongroom/model/dek.h"

namespace strongroom::store {

using model::DekId;

struct BatchRow {
  Uuid batch_id;
  Uuid key_id;
  uint32_t version = 0;  // of the header
  Bytes header;
  uint32_t deks = 0;  // rows of the batch; one without any is deleted
  // Digest of its leaves (registry/job_report.h). Empty: not known.
  Bytes leaves{};
  friend bool operator==(const BatchRow&, const BatchRow&) = default;
};

using model::kMaxReferenceSize;
using model::ValidateReference;

struct DekRow {
  DekId id;
  Bytes leaf;
  Labels labels;
  std::string reference;  // the caller's own; at most 256 bytes of UTF-8
  WallTime created{};
  friend bool operator==(const DekRow&, const DekRow&) = default;
};

// ListedDek is a DEK with what its batch says, the leaf left out.
struct ListedDek {
  DekRow dek;
  uint32_t version = 0;
};

// TombstoneRow stays for ever.
struct TombstoneRow {
  DekId id;
  Uuid key_id;
  WallTime shredded{};
  friend bool operator==(const TombstoneRow&, const TombstoneRow&) = default;
};

// RegistrationRow remembers what a request_id made.
struct RegistrationRow {
  std::string caller;
  Uuid request_id;
  Uuid key_id;
  std::vector<DekId> ids;
  WallTime made{};
  friend bool operator==(const RegistrationRow&,
                         const RegistrationRow&) = default;
};

class DekReads {
 public:
  virtual ~DekReads() = default;
  // GetBatches and GetDeks give one answer for each id, in order.
  virtual StatusOr<std::vector<std::optional<BatchRow>>> GetBatches(
      std::span<const Uuid> batch_ids) = 0;
  virtual StatusOr<std::vector<std::optional<DekRow>>> GetDeks(
      std::span<const DekId> ids) = 0;
  StatusOr<std::optional<BatchRow>> GetBatch(const Uuid& batch_id);
  StatusOr<std::optional<DekRow>> GetDek(const DekId& id);
  // ListDeks gives at most `limit` DEKs of the key, in the order of their ids,
  // those after `after`; of one version, or of all for 0. Without leaves.
  virtual StatusOr<std::vector<ListedDek>> ListDeks(
      const Uuid& key_id, uint32_t version, const std::optional<DekId>& after,
      size_t limit) = 0;
  // ListBatches gives at most `limit` batches of a version in the order of
  // their ids, those after `after`.
  virtual StatusOr<std::vector<BatchRow>> ListBatches(
      const Uuid& key_id, uint32_t version, const std::optional<Uuid>& after,
      size_t limit) = 0;
  virtual StatusOr<std::optional<TombstoneRow>> GetTombstone(
      const DekId& id) = 0;
  virtual StatusOr<std::vector<TombstoneRow>> AllTombstones() = 0;
  virtual StatusOr<std::optional<RegistrationRow>> GetRegistration(
      std::string_view caller, const Uuid& request_id) = 0;
  // VisitLeaves shows the leaves of batches, those of one together and in the
  // order of their indices; each only while `visit` runs, which calls nothing
  // of the transaction.
  virtual Status VisitLeaves(
      std::span<const Uuid> batch_ids,
      const std::function<void(const DekId& id, ByteView leaf)>& visit) = 0;
};

class DekWrites : public DekReads {
 public:
  // InsertBatches: CONFLICT if a batch_id is there, of whatever key.
  virtual Status InsertBatches(std::span<const BatchRow> rows) = 0;
  Status InsertBatch(const BatchRow& row) { return InsertBatches({&row, 1}); }
  // UpdateBatches changes all but the ids; CONFLICT if a batch is not there or
  // of another key.
  virtual Status UpdateBatches(std::span<const BatchRow> rows) = 0;
  Status UpdateBatch(const BatchRow& row) { return UpdateBatches({&row, 1}); }
  // DeleteBatch: CONFLICT if it is not there, or DEKs of it remain.
  virtual Status DeleteBatch(const Uuid& batch_id) = 0;
  // InsertDeks: CONFLICT if an id is there, or its batch is not;
  // ARGUMENT_INVALID for labels or a reference against their rules.
  virtual Status InsertDeks(std::span<const DekRow> rows) = 0;
  Status InsertDek(const DekRow& row) { return InsertDeks({&row, 1}); }
  // DeleteDek: DEK_NOT_FOUND. The bytes of the row are overwritten.
  virtual Status DeleteDek(const DekId& id) = 0;
  // InsertTombstone makes a change (Transaction::BumpChangeSeq). CONFLICT if
  // it is there. Nothing ever removes one.
  virtual Status InsertTombstone(const TombstoneRow& row) = 0;
  // PutRegistration replaces a row of the same caller and request_id.
  virtual Status PutRegistration(const RegistrationRow& row) = 0;
  // DropRegistrations forgets at most `limit` of those made before `before`.
  virtual Status DropRegistrations(WallTime before, size_t limit) = 0;
};

inline StatusOr<std::optional<BatchRow>> DekReads::GetBatch(
    const Uuid& batch_id) {
  SR_ASSIGN_OR_RETURN(auto rows, GetBatches({&batch_id, 1}));
  return std::move(rows.front());
}

inline StatusOr<std::optional<DekRow>> DekReads::GetDek(const DekId& id) {
  SR_ASSIGN_OR_RETURN(auto rows, GetDeks({&id, 1}));
  return std::move(rows.front());
}

}  // namespace strongroom::store
