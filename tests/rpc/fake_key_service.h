// FakeKeyService: answers as the test says, and remembers what it was asked.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/base/mutex.h"
#include "strongroom/service/key_service.h"

namespace strongroom::testing {

// FakeKeyService is thread-safe as the real one. What the test sets is set
// before calls come.
class FakeKeyService final : public service::KeyService {
 public:
  // What it answers.
  std::function<StatusOr<service::SealResult>(service::SealCommand&)> seal;
  std::function<StatusOr<service::OpenResult>(service::OpenCommand&)> open;
  std::function<StatusOr<service::RewrapResult>(service::RewrapCommand&)>
      rewrap;
  StatusOr<service::KeyView> view = Error(Reason::kKeyNotFound, "no view set");
  StatusOr<service::ListResult> list = service::ListResult{};
  StatusOr<keyring::SigningKey::Exported> signing_key =
      keyring::SigningKey::Exported{};
  StatusOr<std::vector<keyring::OwnedObject>> objects =
      std::vector<keyring::OwnedObject>{};
  service::StatusReport report;
  service::DekList deks;
  StatusOr<registry::Job> job = Error(Reason::kJobNotFound, "no job set");
  service::CensusResult census;
  // Called inside each blocking operation.
  std::function<void()> during_blocking = [] {};

  // What it was asked.
  struct Seen {
    service::Operation operation;
    Status caller_status;
    std::string caller;
    std::string subject;
    std::string peer;
    std::string request_id;
    std::optional<SteadyTime> deadline;
    bool ask_cost;
  };
  std::vector<Seen> calls() const {
    MutexLock lock(mutex_);
    return calls_;
  }
  std::vector<Status> refusals() const {
    MutexLock lock(mutex_);
    return refusals_;
  }
  // Arguments of the newest blocking operation.
  std::string name;
  service::KeySettings settings;
  keyring::KeyChange change;
  uint32_t version = 0;
  bool acknowledged = false;
  service::ReportCommand report_command;
  uint32_t page_size = 0;
  std::string page_token;
  service::DekQuery query;
  std::string dek_id;
  std::string job_id;
  service::StartRewrapCommand start_rewrap;

  void Seal(service::Call call, service::SealCommand command,
            service::Done<service::SealResult> done) override {
    Note(call);
    done(seal(command));
  }
  void Open(service::Call call, service::OpenCommand command,
            service::Done<service::OpenResult> done) override {
    Note(call);
    done(open(command));
  }
  void Rewrap(service::Call call, service::RewrapCommand command,
              service::Done<service::RewrapResult> done) override {
    Note(call);
    done(rewrap(command));
  }
  Status Refuse(service::Call call, Status why) override {
    Note(call);
    MutexLock lock(mutex_);
    refusals_.push_back(why);
    return why;
  }
  StatusOr<service::KeyView> CreateKey(
      service::Call call, const std::string& key,
      const service::KeySettings& with) override {
    settings = with;
    return View(call, key);
  }
  StatusOr<service::KeyView> GetKey(service::Call call,
                                    const std::string& key) override {
    return View(call, key);
  }
  StatusOr<service::ListResult> ListKeys(service::Call call,
                                         const std::string& prefix,
                                         uint32_t size,
                                         const std::string& token) override {
    Note(call);
    during_blocking();
    name = prefix;
    page_size = size;
    page_token = token;
    return list;
  }
  StatusOr<service::KeyView> UpdateKey(
      service::Call call, const std::string& key,
      const keyring::KeyChange& what) override {
    change = what;
    return View(call, key);
  }
  StatusOr<service::KeyView> RotateKey(service::Call call,
                                       const std::string& key) override {
    return View(call, key);
  }
  StatusOr<service::KeyView> MoveVersion(service::Call call,
                                         const std::string& key,
                                         uint32_t number,
                                         bool acknowledge) override {
    version = number;
    acknowledged = acknowledge;
    return View(call, key);
  }
  Status ReportDependence(service::Call call,
                          const service::ReportCommand& command) override {
    Note(call);
    report_command = command;
    return OkStatus();
  }
  StatusOr<service::DekList> ListDeks(service::Call call,
                                      const service::DekQuery& asked) override {
    Note(call);
    query = asked;
    return deks;
  }
  StatusOr<registry::DekInfo> GetDek(service::Call call, const std::string& key,
                                     const std::string& id) override {
    Note(call);
    name = key;
    dek_id = id;
    if (deks.deks.empty()) return Error(Reason::kDekNotFound, "no DEK set");
    return deks.deks.front();
  }
  Status RemoveDek(service::Call call, const std::string& key,
                   const std::string& id) override {
    Note(call);
    name = key;
    dek_id = id;
    return OkStatus();
  }
  StatusOr<registry::Job> StartRewrap(
      service::Call call, const std::string& key,
      const service::StartRewrapCommand& command) override {
    Note(call);
    name = key;
    start_rewrap = command;
    return job;
  }
  StatusOr<std::string> GetJobReport(service::Call call, const std::string& key,
                                     const std::string& id) override {
    Note(call);
    return key + " " + id;
  }
  StatusOr<registry::Job> GetJob(service::Call call, const std::string& key,
                                 const std::string& id) override {
    Note(call);
    name = key;
    job_id = id;
    return job;
  }
  StatusOr<std::vector<registry::Job>> ListJobs(
      service::Call call, const std::string& key) override {
    Note(call);
    name = key;
    SR_RETURN_IF_ERROR(job.status());
    return std::vector<registry::Job>{*job};
  }
  StatusOr<registry::Job> MoveJob(service::Call call, const std::string& key,
                                  const std::string& id) override {
    return GetJob(std::move(call), key, id);
  }
  StatusOr<service::CensusResult> GetCensus(service::Call call,
                                            const std::string& key) override {
    Note(call);
    name = key;
    return census;
  }
  StatusOr<std::vector<keyring::OwnedObject>> ListTokenObjects(
      service::Call call) override {
    Note(call);
    during_blocking();
    return objects;
  }
  StatusOr<keyring::SigningKey::Exported> GetSigningKey(
      service::Call call) override {
    Note(call);
    return signing_key;
  }
  StatusOr<service::StatusReport> GetStatus(service::Call call) override {
    Note(call);
    during_blocking();
    return report;
  }
  StatusOr<service::WhoAmIResult> WhoAmI(service::Call call) override {
    Note(call);
    during_blocking();
    SR_ASSIGN_OR_RETURN(auth::Caller caller,
                        authenticator_.Authenticate(call.credential));
    return service::WhoAmIResult{
        caller.id(), caller.subject(), {"rule \"all\""}};
  }
  bool Drain(SteadyTime) override { return true; }

 private:
  StatusOr<service::KeyView> View(const service::Call& call,
                                  const std::string& key) {
    Note(call);
    during_blocking();
    name = key;
    return view;
  }
  void Note(const service::Call& call) {
    const auto caller = authenticator_.Authenticate(call.credential);
    MutexLock lock(mutex_);
    calls_.push_back({
        .operation = call.operation,
        .caller_status = caller.status(),
        .caller = caller.ok() ? caller->id() : "",
        .subject = caller.ok() ? caller->subject() : "",
        .peer = call.peer,
        .request_id = call.request_id,
        .deadline = call.deadline,
        .ask_cost = call.ask_cost,
    });
  }

  const auth::Authenticator authenticator_;
  mutable Mutex mutex_;
  std::vector<Seen> calls_ SR_GUARDED_BY(mutex_);
  std::vector<Status> refusals_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::testing
