// KeyService: the one door. Every request takes the one pipeline:
// admit > authenticate > resolve > authorise > do > record > answer.
//
// The edges translate bytes to these types and back and decide nothing. Data
// operations are asynchronous: `done` runs exactly once, on any thread. An
// answer is given only after its audit record was written; if it cannot be, the
// result is wiped and the answer is AUDIT_UNAVAILABLE.
// Thread rule: thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/audit/audit_log.h"
#include "strongroom/auth/caller.h"
#include "strongroom/auth/policy.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/gate.h"
#include "strongroom/base/metrics.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/batching/engine.h"
#include "strongroom/keyring/keyring.h"
#include "strongroom/registry/jobs.h"
#include "strongroom/registry/registry.h"
#include "strongroom/service/operations.h"

namespace strongroom::service {

// Call is what the edge knows of a request beside its body.
struct Call {
  Operation operation;
  // Who asks, as far as the door knows; the pipeline finds out.
  auth::Credential credential;
  std::string peer;                    // address, for the record
  std::string request_id;              // made by the edge; in every failure
  std::optional<SteadyTime> deadline;  // the client's; clamped by the row
  bool ask_cost = false;               // the client wants to know the cost
};

using Context = std::vector<std::pair<std::string, std::string>>;

// A batch form has `items`; a unary form is a batch of one whose item failure
// is the answer's failure.
// DekAbout is what a caller says about a DEK to be registered.
struct DekAbout {
  Labels labels;
  std::string reference;
};
struct SealInput {
  SecretBytes secret;  // GenerateDataKey: empty, the service draws it
  std::optional<Context> context;   // none: the request's
  std::optional<DekAbout> about{};  // none: the request's
};
struct SealCommand {  // Encrypt, Wrap, GenerateDataKey, and Batch forms
  std::string key_name;
  Context context;
  std::vector<SealInput> items;
  uint32_t dek_bytes = 0;  // GenerateDataKey: 0 means 32
  bool without_plaintext = false;
  // Wrap and GenerateDataKey, and Batch forms: the service keeps the DEKs. The
  // rest belongs to that.
  bool registers = false;
  DekAbout about;
  Bytes request_id;  // 16 bytes, or none
};
struct SealedItem {
  Status status;
  std::shared_ptr<const Bytes> header;
  Bytes leaf;
  uint32_t key_version = 0;
  SecretBytes dek;                    // GenerateDataKey with plaintext
  std::optional<registry::DekId> id;  // if registered
};
// `cost` of a result is there if the call asked and the policy permits `cost`.
struct SealResult {
  std::string key_name;
  std::vector<SealedItem> items;
  std::optional<batching::Cost> cost;
};

struct OpenInput {
  Bytes token;
  std::optional<Context> context;
  std::string dek_id{};  // instead of a token
};
struct OpenCommand {     // Decrypt, Unwrap, and Batch forms
  std::string key_name;  // optional: must be the token's key
  Context context;
  std::vector<OpenInput> items;
};
struct OpenedItem {
  Status status;
  std::string key_name;
  uint32_t key_version = 0;
  SecretBytes secret;
};
struct OpenResult {
  std::vector<OpenedItem> items;
  std::optional<batching::Cost> cost;
};

struct RewrapCommand {
  std::string key_name;       // optional
  std::vector<Bytes> tokens;  // tokens, or headers alone
};
struct RewrappedItem {
  Status status;
  std::string key_name;
  uint32_t key_version = 0;
  uint32_t previous_key_version = 0;
  Bytes token;
};
struct RewrapResult {
  std::vector<RewrappedItem> items;
  std::optional<batching::Cost> cost;
};

using model::KeySettings;

// KeyView is a key for the answer of an admin operation.
struct KeyView {
  std::shared_ptr<const keyring::Key> key;
  std::vector<uint64_t> seals;  // beside key->versions
  // Of the version that a ScheduleDestroyVersion was about.
  std::optional<keyring::Traces> traces;
};
struct ListResult {
  std::vector<KeyView> keys;
  std::string next_page_token;
};
struct DekQuery {
  std::string key_name;
  registry::DekFilter filter;
  uint32_t page_size = 0;  // 0: 500; at most 1000
  std::string page_token;
};
struct DekList {
  std::vector<registry::DekInfo> deks;
  std::string next_page_token;
};
struct StartRewrapCommand {
  registry::JobOptions options;
  bool dry_run = false;
};
struct CensusVersion {
  store::CensusRow registered;
  keyring::Traces traces;
  std::vector<store::ClaimRow> claims;
  // Its key has demanded registration from the first version on, nothing is
  // registered under it any more, and nobody claims to keep anything.
  bool nothing_depends = false;
};
struct CensusResult {
  std::vector<CensusVersion> versions;  // all that are not DESTROYED
};
// ReportCommand is what a caller says that it keeps.
struct ReportCommand {
  std::string key_id;  // a UUID, as it is in every token
  std::string source;
  std::vector<registry::Claimed> claimed;
};
struct WhoAmIResult {
  std::string caller;
  std::string subject;
  std::vector<std::string> grants;
};
struct StatusReport {
  hsm::DeviceInfo device;
  hsm::DeviceHealth health;
  batching::EngineStats engine;
  uint64_t keys = 0;
  uint64_t key_versions = 0;
};

template <typename Result>
using Done = std::function<void(StatusOr<Result>)>;

class KeyService {
 public:
  virtual ~KeyService() = default;

  virtual void Seal(Call call, SealCommand command, Done<SealResult> done) = 0;
  virtual void Open(Call call, OpenCommand command, Done<OpenResult> done) = 0;
  virtual void Rewrap(Call call, RewrapCommand command,
                      Done<RewrapResult> done) = 0;

  // Refuse is the pipeline for a request that the edge could not parse: it is
  // recorded and answered with `why`.
  virtual Status Refuse(Call call, Status why) = 0;

  // Lifecycle and views block (the edge runs them off its polling threads);
  // recorded durably if they change anything.
  virtual StatusOr<KeyView> CreateKey(Call call, const std::string& name,
                                      const KeySettings& settings) = 0;
  virtual StatusOr<KeyView> GetKey(Call call, const std::string& name) = 0;
  virtual StatusOr<ListResult> ListKeys(Call call, const std::string& prefix,
                                        uint32_t page_size,
                                        const std::string& page_token) = 0;
  virtual StatusOr<KeyView> UpdateKey(Call call, const std::string& name,
                                      const keyring::KeyChange& change) = 0;
  virtual StatusOr<KeyView> RotateKey(Call call, const std::string& name) = 0;
  // MoveVersion serves the four version RPCs; call.operation says which.
  // `acknowledge_unregistered` belongs to ScheduleDestroyVersion.
  virtual StatusOr<KeyView> MoveVersion(Call call, const std::string& name,
                                        uint32_t version,
                                        bool acknowledge_unregistered) = 0;
  // Registered DEKs of one key. RemoveDek serves DeleteDek and ShredDek.
  virtual StatusOr<DekList> ListDeks(Call call, const DekQuery& query) = 0;
  virtual StatusOr<registry::DekInfo> GetDek(Call call, const std::string& name,
                                             const std::string& dek_id) = 0;
  virtual Status RemoveDek(Call call, const std::string& name,
                           const std::string& dek_id) = 0;
  // Rewrap jobs of one key. MoveJob serves the three RPCs that move one.
  virtual StatusOr<registry::Job> StartRewrap(
      Call call, const std::string& name,
      const StartRewrapCommand& command) = 0;
  virtual StatusOr<registry::Job> GetJob(Call call, const std::string& name,
                                         const std::string& job_id) = 0;
  virtual StatusOr<std::vector<registry::Job>> ListJobs(
      Call call, const std::string& name) = 0;
  // A signed document (registry/job_report.h).
  virtual StatusOr<std::string> GetJobReport(Call call, const std::string& name,
                                             const std::string& job_id) = 0;
  virtual StatusOr<registry::Job> MoveJob(Call call, const std::string& name,
                                          const std::string& job_id) = 0;
  virtual StatusOr<CensusResult> GetCensus(Call call,
                                           const std::string& name) = 0;
  virtual Status ReportDependence(Call call, const ReportCommand& command) = 0;
  virtual StatusOr<std::vector<keyring::OwnedObject>> ListTokenObjects(
      Call call) = 0;
  virtual StatusOr<keyring::SigningKey::Exported> GetSigningKey(Call call) = 0;
  virtual StatusOr<StatusReport> GetStatus(Call call) = 0;
  virtual StatusOr<WhoAmIResult> WhoAmI(Call call) = 0;

  // Drain refuses new requests (DRAINING) and waits for those inside: true if
  // none is left by `until`.
  virtual bool Drain(SteadyTime until) = 0;
};

struct ServiceParts {
  const auth::Authenticator& authenticator;
  keyring::Keyring& keyring;
  registry::Registry& registry;
  registry::Jobs& jobs;
  batching::Engine& engine;
  hsm::Device& device;
  auth::PolicySource& policy;
  audit::AuditLog& audit;
  const Clock& clock;
  Metrics& metrics;
};
std::unique_ptr<KeyService> CreateKeyService(const ServiceParts& parts);

}  // namespace strongroom::service
