// KeyServiceImpl. Its parts: key_service.cc (what begins with secrets or
// tokens), admin.cc (keys, versions, the service), registered.cc (registered
// DEKs, jobs, the census).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "service/pipeline.h"

namespace strongroom::service {

// A method's row decides which right is asked for, so an edge that mixes them
// up must not get through: INTERNAL.
Status CheckCalledAs(const Request& request,
                     std::span<const Operation> allowed);
inline Status CheckCalledAs(const Request& request, Operation allowed) {
  return CheckCalledAs(request, {&allowed, 1});
}

// Targets of operations whose request says no more than what it is about.
inline auto About(Operation operation, Target::Scope scope) {
  return [=](Request& request) -> StatusOr<Target> {
    SR_RETURN_IF_ERROR(CheckCalledAs(request, operation));
    Target target;
    target.scope = scope;
    return target;
  };
}

inline auto AboutKey(Operation operation, const std::string& name,
                     const Labels* new_labels = nullptr) {
  return [=, &name](Request& request) -> StatusOr<Target> {
    SR_RETURN_IF_ERROR(CheckCalledAs(request, operation));
    // A malformed name is recorded as it came, too.
    request.record.key = name;
    Target target;
    SR_ASSIGN_OR_RETURN(target.name, KeyName::Parse(name));
    target.new_labels = new_labels;
    target.creates = operation == Operation::kCreateKey;
    return target;
  };
}

class KeyServiceImpl final : public KeyService {
 public:
  explicit KeyServiceImpl(const ServiceParts& parts)
      : parts_(parts), pipeline_(parts) {}

  // key_service.cc
  void Seal(Call call, SealCommand command, Done<SealResult> done) override;
  void Open(Call call, OpenCommand command, Done<OpenResult> done) override;
  void Rewrap(Call call, RewrapCommand command,
              Done<RewrapResult> done) override;
  Status Refuse(Call call, Status why) override;
  bool Drain(SteadyTime until) override { return pipeline_.Drain(until); }

  // admin.cc
  StatusOr<KeyView> CreateKey(Call call, const std::string& name,
                              const KeySettings& settings) override;
  StatusOr<KeyView> GetKey(Call call, const std::string& name) override;
  StatusOr<ListResult> ListKeys(Call call, const std::string& prefix,
                                uint32_t page_size,
                                const std::string& page_token) override;
  StatusOr<KeyView> UpdateKey(Call call, const std::string& name,
                              const keyring::KeyChange& change) override;
  StatusOr<KeyView> RotateKey(Call call, const std::string& name) override;
  StatusOr<KeyView> MoveVersion(Call call, const std::string& name,
                                uint32_t version,
                                bool acknowledge_unregistered) override;
  StatusOr<std::vector<keyring::OwnedObject>> ListTokenObjects(
      Call call) override;
  StatusOr<keyring::SigningKey::Exported> GetSigningKey(Call call) override;
  StatusOr<StatusReport> GetStatus(Call call) override;
  StatusOr<WhoAmIResult> WhoAmI(Call call) override;

  // registered.cc
  StatusOr<DekList> ListDeks(Call call, const DekQuery& query) override;
  StatusOr<registry::DekInfo> GetDek(Call call, const std::string& name,
                                     const std::string& dek_id) override;
  Status RemoveDek(Call call, const std::string& name,
                   const std::string& dek_id) override;
  StatusOr<registry::Job> StartRewrap(
      Call call, const std::string& name,
      const StartRewrapCommand& command) override;
  StatusOr<registry::Job> GetJob(Call call, const std::string& name,
                                 const std::string& job_id) override;
  StatusOr<std::string> GetJobReport(Call call, const std::string& name,
                                     const std::string& job_id) override;
  StatusOr<std::vector<registry::Job>> ListJobs(
      Call call, const std::string& name) override;
  StatusOr<registry::Job> MoveJob(Call call, const std::string& name,
                                  const std::string& job_id) override;
  StatusOr<CensusResult> GetCensus(Call call, const std::string& name) override;
  Status ReportDependence(Call call, const ReportCommand& command) override;

 private:
  KeyView ViewOf(std::shared_ptr<const keyring::Key> key) const;
  // Changed records which version is primary after a change.
  StatusOr<KeyView> Changed(
      Request& request,
      StatusOr<std::shared_ptr<const keyring::Key>> key) const;

  const ServiceParts parts_;
  Pipeline pipeline_;
};

}  // namespace strongroom::service
