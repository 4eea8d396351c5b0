// SqliteRegistered: the registered rows of one SQLite connection.
#pragma once

#include "store/sqlite_connection.h"
#include "strongroom/store/registered.h"

namespace strongroom::store {

// As SqliteTransaction, of which it is a part.
class SqliteRegistered final : public RegisteredWrites {
 public:
  explicit SqliteRegistered(Connection& db) : db_(db) {}

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
  StatusOr<std::vector<CensusRow>> CensusOf(const Uuid& key_id) override;
  StatusOr<std::vector<UseRow>> UsesOf(const Uuid& key_id) override;
  StatusOr<std::vector<ClaimRow>> ClaimsOf(const Uuid& key_id) override;
  StatusOr<std::optional<JobRow>> GetJob(const Uuid& id) override;
  StatusOr<std::vector<JobRow>> JobsOf(const Uuid& key_id,
                                       size_t limit) override;
  StatusOr<std::vector<JobRow>> OpenJobs() override;
  StatusOr<std::vector<JobFailureRow>> JobFailures(const Uuid& job_id,
                                                   size_t limit) override;
  StatusOr<bool> HasFailed(const Uuid& job_id, const Uuid& batch_id) override;
  Status VisitLeaves(
      const Uuid& batch_id,
      const std::function<void(uint32_t, ByteView)>& visit) override;
  StatusOr<std::optional<JobReportRow>> GetJobReport(
      const Uuid& job_id) override;

  Status InsertBatch(const BatchRow& row) override;
  Status UpdateBatch(const BatchRow& row) override;
  Status DeleteBatch(const Uuid& batch_id) override;
  Status InsertDek(const DekRow& row) override;
  Status DeleteDek(const DekId& id) override;
  Status InsertTombstone(const TombstoneRow& row) override;
  Status PutRegistration(const RegistrationRow& row) override;
  Status DropRegistrations(WallTime before, size_t limit) override;
  Status PutCensus(const CensusRow& row) override;
  Status PutUse(const UseRow& row) override;
  Status PutClaim(const ClaimRow& row) override;
  Status DropClaims(const Uuid& key_id, std::string_view caller,
                    std::string_view source) override;
  Status PutJob(const JobRow& row) override;
  Status InsertJobFailure(const JobFailureRow& row) override;
  Status PutJobReport(const JobReportRow& row) override;

 private:
  Connection& db_;
};

}  // namespace strongroom::store
