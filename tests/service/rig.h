// Rig: a KeyService on real parts (engine, keyring, policy) over a device and a
// store in memory, and a client that waits for its answers.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/service/key_service.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_device.h"
#include "tests/testing/memory_store.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::service {

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
  static Call CallAs(const std::string& who, Operation operation) {
    return {.operation = operation,
            .credential = who.empty() ? auth::Credential() : CredentialOf(who),
            .peer = "10.0.0.1:5000",
            .request_id = "request-1",
            .deadline = std::nullopt};
  }

  StatusOr<SealResult> Seal(Call call, SealCommand command) {
    return Await<SealResult>([&](Done<SealResult> done) {
      service_->Seal(std::move(call), std::move(command), std::move(done));
    });
  }
  StatusOr<OpenResult> Open(Call call, OpenCommand command) {
    return Await<OpenResult>([&](Done<OpenResult> done) {
      service_->Open(std::move(call), std::move(command), std::move(done));
    });
  }
  StatusOr<RewrapResult> Rewrap(Call call, RewrapCommand command) {
    return Await<RewrapResult>([&](Done<RewrapResult> done) {
      service_->Rewrap(std::move(call), std::move(command), std::move(done));
    });
  }

  // Short forms that must succeed.
  void MakeKey(const std::string& name, const Labels& labels = {}) {
    KeySettings settings;
    settings.labels = labels;
    EXPECT_OK(service_->CreateKey(CallAs("root", Operation::kCreateKey), name,
                                  settings));
  }
  // Registered DEKs of one batch, all of them kDek.
  SealResult RegisteredBatch(const std::string& key, uint32_t deks) {
    SealCommand command =
        SealOf(key, std::vector<std::string>(deks, std::string(kDek)));
    command.registers = true;
    auto result =
        Seal(CallAs("root", Operation::kBatchWrap), std::move(command));
    EXPECT_OK(result);
    if (!result.ok()) return {};
    for (const SealedItem& item : result->items) EXPECT_OK(item.status);
    return *std::move(result);
  }
  void Rotate(const std::string& name) {
    EXPECT_OK(service_->RotateKey(CallAs("root", Operation::kRotateKey), name));
  }
  Status Move(Operation operation, const std::string& name, uint32_t version) {
    return service_
        ->MoveVersion(CallAs("root", operation), name, version,
                      operation == Operation::kScheduleDestroyVersion)
        .status();
  }
  Bytes Sealed(Operation operation, const std::string& name,
               std::string_view secret, const Context& context = {}) {
    auto result = Seal(CallAs("root", operation),
                       SealOf(name, {std::string(secret)}, context));
    EXPECT_OK(result);
    return result.ok() ? TokenOf(result->items[0]) : Bytes();
  }
  Bytes Wrapped(const std::string& name, const Context& context = {}) {
    return Sealed(Operation::kWrap, name, kDek, context);
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
  std::unique_ptr<KeyService> service_;

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
  std::unique_ptr<KeyService> MakeService() {
    return CreateKeyService({authenticator_, *keyring_, *registry_, *jobs_,
                             *engine_, device_, policy_, audit_, clock_,
                             metrics_});
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

  template <typename Result, typename Submit>
  static StatusOr<Result> Await(Submit submit) {
    std::promise<StatusOr<Result>> promise;
    submit([&promise](StatusOr<Result> result) {
      promise.set_value(std::move(result));
    });
    return promise.get_future().get();
  }
};

}  // namespace strongroom::service
