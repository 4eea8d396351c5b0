// Registered DEKs as rows: docs/formats.md, section 3.
//
// One row for each batch (its header), one for each leaf; a rewrap touches
// batch rows alone. The rows are plain: which of them change together, and the
// census that counts them, is the registry's business (registry/registry.h).
// Thread rule: as the transaction that gives them.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
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

// CensusRow counts the registered DEKs that depend on a key version.
struct CensusRow {
  Uuid key_id;
  uint32_t version = 0;
  uint64_t batches = 0;
  uint64_t deks = 0;
  bool closed = false;  // takes no more batches: a rewrap job has emptied it
  friend bool operator==(const CensusRow&, const CensusRow&) = default;
};

// UseRow is what is known of a version beside what is registered under it.
struct UseRow {
  Uuid key_id;
  uint32_t version = 0;
  // Unregistered wraps that it may have issued. Reserved ahead of use: more
  // than were issued after a crash, never fewer.
  uint64_t issued = 0;
  bool uncounted = false;  // it was in use before such wraps were counted
  // WallTime{}: never. The last two are written now and then only.
  WallTime first_issued{};
  WallTime last_issued{};
  WallTime last_opened{};
  friend bool operator==(const UseRow&, const UseRow&) = default;
};

inline constexpr size_t kMaxSourceSize = 256;
// ClaimRow is what a caller says that it keeps under a version.
struct ClaimRow {
  Uuid key_id;
  uint32_t version = 0;
  std::string caller;
  std::string source;  // the caller's name for where it looked
  uint64_t objects = 0;
  WallTime reported{};
  friend bool operator==(const ClaimRow&, const ClaimRow&) = default;
};

// The numbers are stored: never reuse one.
enum class JobState : uint8_t {
  kRunning = 1,
  kPaused = 2,
  kDone = 3,     // nothing is left under the versions it was to empty
  kPartial = 4,  // but for batches that cannot be moved: its failures
  kCancelled = 5,
};

// JobRow is a rewrap job: it moves a key's batches to the primary.
struct JobRow {
  Uuid id;
  Uuid key_id;
  JobState state = JobState::kRunning;
  std::vector<uint32_t> from;  // versions to empty; none: all below the primary
  uint32_t batches_per_second = 0;  // at most; 0: no limit
  uint32_t min_share = 0;  // percent of the token operations; 0: not its own
  std::string created_by;
  WallTime created{};
  WallTime updated{};   // its newest progress
  WallTime finished{};  // meaningful if it is
  // What was under those versions when it began. More may have come since.
  uint64_t batches_total = 0;
  uint64_t deks_total = 0;
  uint64_t batches_moved = 0;
  uint64_t deks_moved = 0;
  uint64_t failures = 0;  // rows of JobFailureRow
  std::string waits_for;  // what keeps it from going on now, or empty
  friend bool operator==(const JobRow&, const JobRow&) = default;
};

struct JobFailureRow {
  Uuid job_id;
  Uuid batch_id;
  std::string reason;
  std::string message;
  friend bool operator==(const JobFailureRow&, const JobFailureRow&) = default;
};

// JobReportRow is what a job writes down for its report while it moves batches
// (registry/job_report.h).
struct JobReportRow {
  Uuid job_id;
  std::vector<uint32_t> from;  // versions that it moved batches from, and to
  std::vector<uint32_t> to;
  Bytes before;  // the digests of the leaves
  Bytes after;
  std::string document;  // the signed report; empty until it was made
  friend bool operator==(const JobReportRow&, const JobReportRow&) = default;
};

class RegisteredReads {
 public:
  virtual ~RegisteredReads() = default;
  virtual StatusOr<std::optional<BatchRow>> GetBatch(const Uuid& batch_id) = 0;
  virtual StatusOr<std::optional<DekRow>> GetDek(const DekId& id) = 0;
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
  // CensusOf gives the rows of a key's versions, by number; a version of which
  // nothing was ever counted has none.
  virtual StatusOr<std::vector<CensusRow>> CensusOf(const Uuid& key_id) = 0;
  // UsesOf and ClaimsOf give a key's rows by version; claims then by caller and
  // source.
  virtual StatusOr<std::vector<UseRow>> UsesOf(const Uuid& key_id) = 0;
  virtual StatusOr<std::vector<ClaimRow>> ClaimsOf(const Uuid& key_id) = 0;
  virtual StatusOr<std::optional<JobRow>> GetJob(const Uuid& id) = 0;
  // JobsOf gives a key's jobs, the newest first; OpenJobs those of all keys
  // that are kRunning or kPaused, the oldest first.
  virtual StatusOr<std::vector<JobRow>> JobsOf(const Uuid& key_id,
                                               size_t limit) = 0;
  virtual StatusOr<std::vector<JobRow>> OpenJobs() = 0;
  virtual StatusOr<std::vector<JobFailureRow>> JobFailures(const Uuid& job_id,
                                                           size_t limit) = 0;
  virtual StatusOr<bool> HasFailed(const Uuid& job_id,
                                   const Uuid& batch_id) = 0;
  // VisitLeaves shows a batch's leaves in the order of their indices; each only
  // while `visit` runs, which calls nothing of the transaction.
  virtual Status VisitLeaves(
      const Uuid& batch_id,
      const std::function<void(uint32_t index, ByteView leaf)>& visit) = 0;
  virtual StatusOr<std::optional<JobReportRow>> GetJobReport(
      const Uuid& job_id) = 0;
};

class RegisteredWrites : public RegisteredReads {
 public:
  // InsertBatch: CONFLICT if the batch_id is there, of whatever key.
  virtual Status InsertBatch(const BatchRow& row) = 0;
  // UpdateBatch changes all but the ids; CONFLICT if the batch is not there or
  // of another key.
  virtual Status UpdateBatch(const BatchRow& row) = 0;
  // DeleteBatch: CONFLICT if it is not there, or DEKs of it remain.
  virtual Status DeleteBatch(const Uuid& batch_id) = 0;
  // InsertDek: CONFLICT if the id is there, or its batch is not;
  // ARGUMENT_INVALID for labels or a reference against their rules.
  virtual Status InsertDek(const DekRow& row) = 0;
  // DeleteDek: DEK_NOT_FOUND. The bytes of the row are overwritten.
  virtual Status DeleteDek(const DekId& id) = 0;
  // InsertTombstone: CONFLICT if it is there. Nothing ever removes one.
  virtual Status InsertTombstone(const TombstoneRow& row) = 0;
  // PutRegistration replaces a row of the same caller and request_id.
  virtual Status PutRegistration(const RegistrationRow& row) = 0;
  // DropRegistrations forgets at most `limit` of those made before `before`.
  virtual Status DropRegistrations(WallTime before, size_t limit) = 0;
  virtual Status PutCensus(const CensusRow& row) = 0;
  virtual Status PutUse(const UseRow& row) = 0;
  virtual Status PutClaim(const ClaimRow& row) = 0;
  // DropClaims forgets what a caller said of one source.
  virtual Status DropClaims(const Uuid& key_id, std::string_view caller,
                            std::string_view source) = 0;
  virtual Status PutJob(const JobRow& row) = 0;  // makes or replaces it
  // InsertJobFailure: CONFLICT if this batch has one in this job.
  virtual Status InsertJobFailure(const JobFailureRow& row) = 0;
  // PutJobReport makes or replaces it.
  virtual Status PutJobReport(const JobReportRow& row) = 0;
};

}  // namespace strongroom::store
