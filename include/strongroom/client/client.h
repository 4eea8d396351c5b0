// Client: how programs talk to strongroomd. The CLI uses nothing else.
//
// One Client is one connection pool with mutual TLS. Calls block, take a
// deadline, and are tried again only where sending twice is harmless, honouring
// the delay the service asks for. Failures carry the service's code and reason
// (base/reasons.h); SERVER_UNREACHABLE says what to check.
// Thread rule: thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::client {

struct Options {
  std::string address;      // host:port
  std::string ca_file;      // CA of the service's certificate, PEM
  std::string cert_file;    // ours, PEM
  std::string key_file;     // private: not readable by others
  std::string server_name;  // the name to expect; empty: the address's host
  std::chrono::milliseconds timeout{10'000};  // for each call, retries included
  int max_attempts = 4;
};

// OptionsFromEnvironment reads STRONGROOM_ADDR, STRONGROOM_CA, STRONGROOM_CERT,
// STRONGROOM_KEY (and STRONGROOM_SERVER_NAME). ARGUMENT_INVALID, naming those
// that are not set and how `strongroomd dev` prints them.
StatusOr<Options> OptionsFromEnvironment();

using Context = std::vector<std::pair<std::string, std::string>>;
using Labels = std::map<std::string, std::string>;

// DekAbout is what is kept with a registered DEK.
struct DekAbout {
  Labels labels;
  std::string reference;
};
// Registering asks the service to keep what it wraps. The client sends a
// request_id along, so that a call that is tried again registers once.
struct Registering {
  DekAbout about;
  // 16 bytes of the caller's own, to repeat a request within 24 hours, from
  // another process too; empty: drawn for each call.
  Bytes request_id;
};

struct Sealed {
  Bytes token;  // wrapped DEK or ciphertext
  uint32_t key_version = 0;
  std::string dek_id{};  // if registered
};
struct DataKey {
  SecretBytes dek;  // empty if it was not asked for
  Bytes wrapped_dek;
  uint32_t key_version = 0;
  std::string dek_id{};  // if registered
};
struct Dek {
  std::string dek_id;
  uint32_t key_version = 0;
  DekAbout about;
  WallTime created{};
};
struct JobFailure {
  std::string batch_id;
  std::string reason;
  std::string message;
};
struct Job {
  std::string id;     // empty: of a dry run
  std::string state;  // "RUNNING", "PAUSED", "DONE", "PARTIAL", "CANCELLED"
  std::vector<uint32_t> from_versions;
  uint32_t batches_per_second = 0;
  uint32_t min_share = 0;  // percent; 0: as the service is configured
  std::string created_by;
  WallTime created{};
  WallTime updated{};
  std::optional<WallTime> finished;
  uint64_t batches_total = 0;
  uint64_t deks_total = 0;
  uint64_t batches_moved = 0;
  uint64_t deks_moved = 0;
  uint64_t batches_left = 0;
  uint64_t deks_left = 0;
  uint64_t failure_count = 0;
  std::vector<JobFailure> failures;
  std::string waits_for;
};
struct StartRewrap {
  std::vector<uint32_t> from_versions;
  uint32_t batches_per_second = 0;
  uint32_t min_share = 0;  // percent; 0: as the service is configured
  bool dry_run = false;
};
// Traces of wraps that only callers hold: see key_admin.proto.
struct Traces {
  uint64_t unregistered_wraps = 0;
  bool in_use_before_counting = false;
  std::optional<WallTime> first_wrap;
  std::optional<WallTime> last_wrap;
  std::optional<WallTime> last_unwrap;
};
struct Claim {
  std::string caller;
  std::string source;
  uint64_t objects = 0;
  WallTime reported{};
};
struct CensusVersion {
  uint32_t version = 0;
  uint64_t registered_deks = 0;
  uint64_t batches = 0;
  Traces traces{};
  std::vector<Claim> claims{};
  bool nothing_depends = false;
};
// Report is what a caller keeps under the versions of a key, and where.
struct Report {
  std::string key_id;
  std::string source;
  std::map<uint32_t, uint64_t> objects;  // by version
};
struct Opened {
  SecretBytes secret;
  std::string key_name;
  uint32_t key_version = 0;
};
struct Rewrapped {
  Bytes token;
  std::string key_name;
  uint32_t key_version = 0;
  uint32_t previous_key_version = 0;
};

struct KeyVersion {
  uint32_t version = 0;
  std::string state;  // "ENABLED", ...
  bool primary = false;
  WallTime created{};
  std::optional<WallTime> destroy_time;
  bool destruction_held = false;  // see key_admin.proto
  std::string kek_id;
  uint64_t seals = 0;
  std::optional<WallTime> retire_time{};
  std::optional<Traces> traces{};  // of ScheduleDestroyVersion
};
struct Key {
  std::string name;
  std::string id;
  Labels labels;
  uint32_t primary_version = 0;
  std::vector<KeyVersion> versions;
  WallTime created{};
  std::optional<std::chrono::seconds> rotation_period;
  std::optional<WallTime> next_rotation;
  uint32_t max_items = 0;
  std::chrono::milliseconds max_age{0};
  std::chrono::seconds destroy_after{0};
  std::string registration;  // "OPTIONAL", "REQUIRED" or "OFF"
  bool rewrap_on_rotation = false;
  std::optional<std::chrono::seconds> retire_after;
};
struct KeySettings {  // absent: the service's default, or no change
  std::optional<Labels> labels;
  std::optional<std::chrono::seconds> rotation_period;  // 0: not by time
  std::optional<uint32_t> max_items;
  std::optional<std::chrono::milliseconds> max_age;
  std::optional<std::chrono::seconds> destroy_after;
  std::optional<std::string> registration;  // as in Key
  std::optional<bool> rewrap_on_rotation;
  std::optional<std::chrono::seconds> retire_after;  // 0: never
};
struct TokenObject {
  std::string id;
  std::string label;
  std::string object_class;
  std::string key_type;
  std::string owner;
  bool sensitive = false;
  bool never_extractable = false;
};
struct ServiceStatus {
  std::string version;
  std::string mode;
  WallTime started{};
  std::string installation_id;
  std::string token_label;
  std::string token_model;
  std::string token_serial;
  std::string profile;
  uint32_t sessions = 0;
  bool hsm_healthy = false;
  std::string hsm_detail;
  uint64_t keys = 0;
  uint64_t key_versions = 0;
  uint64_t token_operations = 0;
  uint64_t items_sealed = 0;
  uint64_t items_opened = 0;
  std::vector<std::string> warnings;
};
struct Identity {
  std::string caller;
  std::string subject;
  std::vector<std::string> grants;
};

struct PublicKey {
  std::string key_id;
  std::string pem;
};

class Client {
 public:
  // Connect reads the files and makes the channel; the first call makes the
  // connection. FILE_UNREADABLE, FILE_NOT_PRIVATE, CERTIFICATE_INVALID.
  static StatusOr<std::unique_ptr<Client>> Connect(const Options& options);
  virtual ~Client() = default;

  // Data.
  virtual StatusOr<Sealed> Encrypt(std::string_view key, ByteView plaintext,
                                   const Context& context) = 0;
  virtual StatusOr<Opened> Decrypt(ByteView ciphertext, const Context& context,
                                   std::string_view expected_key = {}) = 0;
  virtual StatusOr<Sealed> Wrap(
      std::string_view key, const SecretBytes& dek, const Context& context,
      const std::optional<Registering>& registering = std::nullopt) = 0;
  virtual StatusOr<Opened> Unwrap(ByteView wrapped_dek, const Context& context,
                                  std::string_view expected_key = {}) = 0;
  virtual StatusOr<Opened> UnwrapById(std::string_view dek_id,
                                      const Context& context,
                                      std::string_view expected_key = {}) = 0;
  virtual StatusOr<DataKey> GenerateDataKey(
      std::string_view key, uint32_t dek_bytes, bool with_plaintext,
      const Context& context,
      const std::optional<Registering>& registering = std::nullopt) = 0;
  virtual StatusOr<Rewrapped> Rewrap(ByteView token_or_header,
                                     std::string_view expected_key = {}) = 0;

  // Batches: one answer per item, in order. The outer status is the request's.
  virtual StatusOr<std::vector<StatusOr<Sealed>>> BatchWrap(
      std::string_view key, const std::vector<SecretBytes>& deks,
      const Context& context,
      const std::optional<Registering>& registering = std::nullopt) = 0;
  virtual StatusOr<std::vector<StatusOr<DataKey>>> BatchGenerateDataKeys(
      std::string_view key, uint32_t count, uint32_t dek_bytes,
      bool with_plaintext, const Context& context,
      const std::optional<Registering>& registering = std::nullopt) = 0;
  virtual StatusOr<std::vector<StatusOr<Opened>>> BatchUnwrap(
      const std::vector<Bytes>& wrapped_deks, const Context& context) = 0;
  virtual StatusOr<std::vector<StatusOr<Opened>>> BatchUnwrapById(
      const std::vector<std::string>& dek_ids, const Context& context) = 0;
  virtual StatusOr<std::vector<StatusOr<Sealed>>> BatchEncrypt(
      std::string_view key, const std::vector<SecretBytes>& plaintexts,
      const Context& context) = 0;
  virtual StatusOr<std::vector<StatusOr<Opened>>> BatchDecrypt(
      const std::vector<Bytes>& ciphertexts, const Context& context) = 0;
  virtual StatusOr<std::vector<StatusOr<Rewrapped>>> BatchRewrap(
      const std::vector<Bytes>& tokens_or_headers) = 0;

  // Keys.
  virtual StatusOr<Key> CreateKey(std::string_view name,
                                  const KeySettings& settings) = 0;
  virtual StatusOr<Key> GetKey(std::string_view name) = 0;
  virtual StatusOr<std::vector<Key>> ListKeys(std::string_view prefix) = 0;
  virtual StatusOr<Key> UpdateKey(std::string_view name,
                                  const KeySettings& change) = 0;
  virtual StatusOr<Key> RotateKey(std::string_view name) = 0;
  virtual StatusOr<KeyVersion> EnableVersion(std::string_view name,
                                             uint32_t version) = 0;
  virtual StatusOr<KeyVersion> DisableVersion(std::string_view name,
                                              uint32_t version) = 0;
  virtual StatusOr<KeyVersion> ScheduleDestroyVersion(
      std::string_view name, uint32_t version,
      bool acknowledge_unregistered) = 0;
  virtual StatusOr<KeyVersion> CancelDestroyVersion(std::string_view name,
                                                    uint32_t version) = 0;

  // Registered DEKs of a key. ListDeks calls `each` for every one that has all
  // of the labels, page by page, until it fails or there are no more.
  virtual Status ListDeks(std::string_view key, uint32_t version,
                          const Labels& labels,
                          const std::function<Status(const Dek&)>& each) = 0;
  virtual StatusOr<Dek> GetDek(std::string_view key,
                               std::string_view dek_id) = 0;
  virtual Status DeleteDek(std::string_view key, std::string_view dek_id) = 0;
  virtual Status ShredDek(std::string_view key, std::string_view dek_id) = 0;

  // Rewrap jobs of a key, and what is registered under its versions.
  virtual StatusOr<Job> StartRewrapJob(std::string_view key,
                                       const StartRewrap& start) = 0;
  virtual StatusOr<Job> GetJob(std::string_view key,
                               std::string_view job_id) = 0;
  // The signed report of a job that has ended.
  virtual StatusOr<std::string> GetJobReport(std::string_view key,
                                             std::string_view job_id) = 0;
  virtual StatusOr<std::vector<Job>> ListJobs(std::string_view key) = 0;
  virtual StatusOr<Job> PauseJob(std::string_view key,
                                 std::string_view job_id) = 0;
  virtual StatusOr<Job> ResumeJob(std::string_view key,
                                  std::string_view job_id) = 0;
  virtual StatusOr<Job> CancelJob(std::string_view key,
                                  std::string_view job_id) = 0;
  virtual StatusOr<std::vector<CensusVersion>> GetCensus(
      std::string_view key) = 0;
  // How each version that is not DESTROYED is used; all have traces.
  virtual StatusOr<std::vector<KeyVersion>> GetKeyUsage(
      std::string_view key) = 0;
  virtual Status ReportDependence(const Report& report) = 0;

  // The service.
  virtual StatusOr<std::vector<TokenObject>> ListTokenObjects() = 0;
  // The key that signs reports; the first call makes it.
  virtual StatusOr<PublicKey> GetSigningKey() = 0;
  virtual StatusOr<ServiceStatus> GetStatus() = 0;
  virtual StatusOr<Identity> WhoAmI() = 0;
};

}  // namespace strongroom::client
