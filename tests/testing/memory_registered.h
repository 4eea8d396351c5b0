// MemoryRegistered: the registered rows of a MemoryStore.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "strongroom/store/registered.h"

namespace strongroom::testing {

struct RegisteredState {
  std::map<Uuid, store::BatchRow> batches;
  std::map<store::DekId, store::DekRow> deks;
  std::map<store::DekId, store::TombstoneRow> tombstones;
  std::map<std::pair<std::string, Uuid>, store::RegistrationRow> registrations;
  std::map<std::pair<Uuid, uint32_t>, store::CensusRow> census;
  std::map<std::pair<Uuid, uint32_t>, store::UseRow> uses;
  std::map<std::tuple<Uuid, uint32_t, std::string, std::string>,
           store::ClaimRow>
      claims;
  std::map<Uuid, store::JobRow> jobs;
  std::map<std::pair<Uuid, Uuid>, store::JobFailureRow> job_failures;
  std::map<Uuid, store::JobReportRow> job_reports;
};

class MemoryRegistered final : public store::RegisteredWrites {
 public:
  explicit MemoryRegistered(RegisteredState& state) : state_(state) {}

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
  StatusOr<std::vector<store::CensusRow>> CensusOf(const Uuid& key_id) override;
  StatusOr<std::vector<store::UseRow>> UsesOf(const Uuid& key_id) override;
  StatusOr<std::vector<store::ClaimRow>> ClaimsOf(const Uuid& key_id) override;
  StatusOr<std::optional<store::JobRow>> GetJob(const Uuid& id) override;
  StatusOr<std::vector<store::JobRow>> JobsOf(const Uuid& key_id,
                                              size_t limit) override;
  StatusOr<std::vector<store::JobRow>> OpenJobs() override;
  StatusOr<std::vector<store::JobFailureRow>> JobFailures(
      const Uuid& job_id, size_t limit) override;
  StatusOr<bool> HasFailed(const Uuid& job_id, const Uuid& batch_id) override;
  Status VisitLeaves(
      const Uuid& batch_id,
      const std::function<void(uint32_t, ByteView)>& visit) override;
  StatusOr<std::optional<store::JobReportRow>> GetJobReport(
      const Uuid& job_id) override;

  Status InsertBatch(const store::BatchRow& row) override;
  Status UpdateBatch(const store::BatchRow& row) override;
  Status DeleteBatch(const Uuid& batch_id) override;
  Status InsertDek(const store::DekRow& row) override;
  Status DeleteDek(const store::DekId& id) override;
  Status InsertTombstone(const store::TombstoneRow& row) override;
  Status PutRegistration(const store::RegistrationRow& row) override;
  Status DropRegistrations(WallTime before, size_t limit) override;
  Status PutCensus(const store::CensusRow& row) override;
  Status PutUse(const store::UseRow& row) override;
  Status PutClaim(const store::ClaimRow& row) override;
  Status DropClaims(const Uuid& key_id, std::string_view caller,
                    std::string_view source) override;
  Status PutJob(const store::JobRow& row) override;
  Status InsertJobFailure(const store::JobFailureRow& row) override;
  Status PutJobReport(const store::JobReportRow& row) override;

 private:
  RegisteredState& state_;
};

}  // namespace strongroom::testing
