// Rig: a KeyService on real parts (engine, keyring, policy) over a device and a
// store in memory, and a client that waits for its answers.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "service/desk.h"
#include "service/ops/census.h"
#include "service/ops/deks.h"
#include "service/ops/jobs.h"
#include "service/ops/keys.h"
#include "service/ops/open.h"
#include "service/ops/seal.h"
#include "service/ops/status.h"
#include "service/ops/token.h"
#include "service/ops/versions.h"
#include "tests/service/raw_request.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_device.h"
#include "tests/testing/memory_store.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::service {

using model::Context;
using model::KeySettings;
using model::OpenCommand;
using model::OpenedItem;
using model::OpenResult;
using model::RewrapCommand;
using model::RewrappedItem;
using model::RewrapResult;
using model::SealCommand;
using model::SealedItem;
using model::SealInput;
using model::SealResult;

// RecordingAudit keeps what it is told, or refuses it.
class RecordingAudit final : public audit::AuditLog {
 public:
  struct Entry {
    audit::Record record;
    audit::Durability durability;
  };

  Status Append(const audit::Record& record,
                audit::Durability durability) override {
    MutexLock lock(mutex_);
    ++attempts_;
    if (failing_) {
      return Error(Reason::kAuditUnavailable, "/secret/path: disk full");
    }
    entries_.push_back({record, durability});
    return OkStatus();
  }
  Status Ready() const override {
    MutexLock lock(mutex_);
    if (ready_) return OkStatus();
    return Error(Reason::kAuditUnavailable, "/secret/path: disk full");
  }
  Status Reopen() override { return OkStatus(); }

  void SetReady(bool ready) {
    MutexLock lock(mutex_);
    ready_ = ready;
  }

  void SetFailing(bool failing) {
    MutexLock lock(mutex_);
    failing_ = failing;
  }
  int attempts() const {
    MutexLock lock(mutex_);
    return attempts_;
  }
  std::vector<Entry> entries() const {
    MutexLock lock(mutex_);
    return entries_;
  }
  Entry last() const {
    MutexLock lock(mutex_);
    return entries_.empty() ? Entry{} : entries_.back();
  }

 private:
  mutable Mutex mutex_;
  bool ready_ SR_GUARDED_BY(mutex_) = true;
  bool failing_ SR_GUARDED_BY(mutex_) = false;
  int attempts_ SR_GUARDED_BY(mutex_) = 0;
  std::vector<Entry> entries_ SR_GUARDED_BY(mutex_);
};

// root may do all. app uses what is below demo/, other what is below other/.
// prod has its rights by label. nobody has none.
inline constexpr char kRigPolicy[] = R"(version: 1
rules:
  - name: root
    who: ["cn:root"]
    may: [use, manage, observe]
    keys: ["**"]
  - name: app
    who: ["cn:app"]
    may: [use, view]
    keys: ["demo/**"]
  - name: other
    who: ["cn:other"]
    may: [use]
    keys: ["other/**"]
  - name: prod
    who: ["cn:prod"]
    may: [use, manage, view]
    keys: ["**"]
    labels: {env: prod}
)";

inline std::shared_ptr<const auth::Policy> ParsedPolicy(std::string_view yaml) {
  auto policy = auth::Policy::Parse(yaml, "policy.yaml");
  EXPECT_OK(policy);
  return *policy;
}

// CallOf is a call of one operation.
template <typename Command, typename Result, typename Proof>
struct CallOf : Call {
  const Operation<Command, Result, Proof>* operation;
};

class Rig {
 public:
  explicit Rig(testing::FakeDeviceOptions device_options = {},
               Metrics& metrics = NullMetrics())
      : device_(OnClock(device_options, clock_)),
        keyring_(std::make_unique<keyring::Keyring>(
            store_, device_, clock_, NullMetrics(), KeyringParts())),
        engine_(std::make_unique<batching::Engine>(device_, *keyring_, clock_,
                                                   NullMetrics(),
                                                   batching::EngineOptions{})),
        registry_(*registry::OpenRegistry(store_, clock_, NullMetrics())),
        jobs_(MakeJobs()),
        policy_(ParsedPolicy(kRigPolicy)),
        metrics_(metrics),
        service_(MakeService()) {
    EXPECT_OK(keyring_->Start());
  }
  ~Rig() {
    engine_->Shutdown(clock_.Steady() + std::chrono::seconds(10));
    // Its thread may still be leaving the service.
    registry_->Shutdown();
    device_.Shutdown(clock_.Steady() + std::chrono::seconds(10));
  }

  // RestartJobs is what a new process makes of the jobs that it finds.
  void RestartJobs() {
    jobs_.reset();
    store_.Restart();
    jobs_ = MakeJobs();
  }
  // Restart ends the service and opens it again on what the store has. The
  // keyring and the engine stay.
  void Restart() {
    // Who was answered may not have left yet.
    ASSERT_TRUE(service_->Drain(clock_.Steady() + std::chrono::seconds(60)));
    service_.reset();
    jobs_.reset();
    registry_.reset();
    store_.Restart();
    registry_ = *registry::OpenRegistry(store_, clock_, NullMetrics());
    jobs_ = MakeJobs();
    service_ = MakeService();
  }

  static auth::Credential CredentialOf(const std::string& common_name) {
    auth::PeerCertificate peer;
    peer.verified = true;
    peer.common_name = common_name;
    peer.subject = "CN=" + common_name;
    return auth::Credential(std::move(peer));
  }
  // CallAs with an empty name is a call without a credential.
  static Call CallAs(const std::string& who) {
    return {.credential = who.empty() ? auth::Credential() : CredentialOf(who),
            .door = kDoor,
            .peer = "10.0.0.1:5000",
            .request_id = "request-1",
            .deadline = std::nullopt};
  }
  template <typename Command, typename Result, typename Proof>
  static CallOf<Command, Result, Proof> CallAs(
      const std::string& who,
      const Operation<Command, Result, Proof>& operation) {
    return {{CallAs(who)}, &operation};
  }

  // Ask waits for the answer.
  template <typename Command, typename Result, typename Proof>
  StatusOr<Result> Ask(CallOf<Command, Result, Proof> call, Command command) {
    std::promise<StatusOr<Result>> promise;
    const auto& operation = *call.operation;
    service_->Run(operation, std::move(call), std::move(command),
                  Done<Result>([&promise](StatusOr<Result> result) {
                    promise.set_value(std::move(result));
                  }));
    return promise.get_future().get();
  }
  // The same, by what is asked.
  auto Seal(auto call, SealCommand command) {
    return Ask(std::move(call), std::move(command));
  }
  auto Open(auto call, OpenCommand command) {
    return Ask(std::move(call), std::move(command));
  }
  auto Rewrap(auto call, RewrapCommand command) {
    return Ask(std::move(call), std::move(command));
  }
  auto CreateKey(auto call, const std::string& name,
                 const KeySettings& settings) {
    return Ask(std::move(call), model::CreateKey{name, settings});
  }
  auto UpdateKey(auto call, const std::string& name,
                 const model::KeyChange& change) {
    return Ask(std::move(call), model::UpdateKey{name, change});
  }
  auto MoveVersion(auto call, const std::string& name, uint32_t version,
                   bool acknowledged) {
    return Ask(std::move(call),
               model::MoveVersion{name, version, acknowledged});
  }
  auto OfKey(auto call, const std::string& name) {
    return Ask(std::move(call), model::OfKey{name});
  }
  auto OfDek(auto call, const std::string& name, const std::string& dek_id) {
    return Ask(std::move(call), model::OfDek{name, dek_id});
  }
  auto OfService(auto call) { return Ask(std::move(call), model::Nothing()); }

  // AskRow sends a message to the row of an RPC that blocks.
  Status AskRow(std::string_view rpc, const std::string& who,
                const google::protobuf::MessageLite& request,
                google::protobuf::MessageLite* answer) {
    Bytes bytes = ToBytes(AsBytes(request.SerializeAsString()));
    const MutableByteView piece(bytes);
    Status status;
    service_->Serve(
        RowOf(rpc), CallAs(who), RawRequest(&piece, 1),
        [&](StatusOr<RawAnswer> raw) {
          status = raw.status();
          if (!raw.ok()) return;
          EXPECT_TRUE(answer->ParseFromArray(
              raw->message.data(), static_cast<int>(raw->message.size())));
        });
    return status;
  }

  // Short forms that must succeed.
  void MakeKey(const std::string& name, const Labels& labels = {}) {
    KeySettings settings;
    settings.labels = labels;
    EXPECT_OK(CreateKey(CallAs("root", ops::kCreateKey), name, settings));
  }
  // Registered DEKs of one batch, all of them kDek.
  SealResult RegisteredBatch(const std::string& key, uint32_t deks) {
    SealCommand command =
        SealOf(key, std::vector<std::string>(deks, std::string(kDek)));
    command.registers = true;
    auto result = Seal(CallAs("root", ops::kBatchWrap), std::move(command));
    EXPECT_OK(result);
    if (!result.ok()) return {};
    for (const SealedItem& item : result->items) EXPECT_OK(item.status);
    return *std::move(result);
  }
  void Rotate(const std::string& name) {
    EXPECT_OK(OfKey(CallAs("root", ops::kRotateKey), name));
  }
  Status Move(const ops::Moving& operation, const std::string& name,
              uint32_t version) {
    return MoveVersion(CallAs("root", operation), name, version,
                       &operation == &ops::kScheduleDestroyVersion)
        .status();
  }
  Bytes Sealed(const ops::Sealing& operation, const std::string& name,
               std::string_view secret, const Context& context = {}) {
    auto result = Seal(CallAs("root", operation),
                       SealOf(name, {std::string(secret)}, context));
    EXPECT_OK(result);
    return result.ok() ? TokenOf(result->items[0]) : Bytes();
  }
  Bytes Wrapped(const std::string& name, const Context& context = {}) {
    return Sealed(ops::kWrap, name, kDek, context);
  }

  static SealCommand SealOf(const std::string& name,
                            const std::vector<std::string>& secrets,
                            const Context& context = {}) {
    SealCommand command;
    command.key_name = name;
    command.context = context;
    for (const std::string& secret : secrets) {
      command.items.push_back(
          {SecretBytes::CopyOf(AsBytes(secret)), std::nullopt});
    }
    return command;
  }
  static OpenCommand OpenOf(const std::vector<Bytes>& tokens,
                            const std::string& name = "",
                            const Context& context = {}) {
    OpenCommand command;
    command.key_name = name;
    command.context = context;
    for (const Bytes& token : tokens) {
      command.items.push_back({token, std::nullopt});
    }
    return command;
  }
  static Bytes TokenOf(const SealedItem& item) {
    Bytes token = *item.header;
    Append(&token, item.leaf);
    return token;
  }
  // The same token, but of a key that nobody knows.
  static Bytes OfUnknownKey(Bytes token) {
    for (size_t i = 4; i < 20; ++i) token[i] = static_cast<uint8_t>(0xa0 + i);
    return token;
  }

  static constexpr std::string_view kDoor = "test";
  static constexpr std::string_view kDek = "0123456789abcdef0123456789abcdef";

  testing::FakeClock clock_;
  testing::FakeDevice device_;
  testing::MemoryStore store_{clock_};
  std::unique_ptr<keyring::Keyring> keyring_;
  std::unique_ptr<batching::Engine> engine_;
  std::unique_ptr<registry::Registry> registry_;
  std::unique_ptr<registry::Jobs> jobs_;
  const auth::Authenticator authenticator_;
  auth::PolicySource policy_;
  RecordingAudit audit_;
  Metrics& metrics_;
  std::unique_ptr<Desk> service_;

 private:
  // Deadlines are of that clock: on the real one a test that takes ten seconds
  // would pass them.
  static testing::FakeDeviceOptions OnClock(testing::FakeDeviceOptions options,
                                            const Clock& clock) {
    options.clock = &clock;
    return options;
  }
  std::unique_ptr<registry::Jobs> MakeJobs() {
    return registry::CreateJobs(
        store_, [this](auto request) { engine_->Rewrap(std::move(request)); },
        clock_, NullMetrics(),
        [this](std::string_view type, ByteView payload) {
          return keyring_->signing().Sign(type, payload);
        });
  }
  std::unique_ptr<Desk> MakeService() {
    return std::make_unique<Desk>(ServiceParts{authenticator_,
                                               *keyring_,
                                               *registry_,
                                               *jobs_,
                                               *engine_,
                                               device_,
                                               policy_,
                                               audit_,
                                               clock_,
                                               metrics_,
                                               {},
                                               {kDoor}});
  }
  keyring::KeyringOptions KeyringParts() {
    keyring::KeyringOptions options;
    options.end_windows = [this](const Uuid& id) {
      if (engine_ != nullptr) engine_->EndWindows(id);
    };
    options.rotated = [this](store::Transaction& t, const Uuid& id) {
      return registry::StartInRotation(t, id, clock_.Now());
    };
    return options;
  }
};

}  // namespace strongroom::service
