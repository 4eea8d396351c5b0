#include "strongroom/hsm_pkcs11/pkcs11_device.h"

#include <algorithm>

#include "hsm/pkcs11/calls.h"
#include "hsm/pkcs11/module.h"
#include "hsm/pkcs11/token_client.h"
#include "hsm/pkcs11/worker_pool.h"
#include "strongroom/base/files.h"
#include "strongroom/base/log.h"

namespace strongroom::hsm {
namespace {

// For calls that block and name no deadline of their own.
constexpr std::chrono::seconds kBlockingLimit{30};
// Nobody waits longer to hear that a token does not answer: a stop, for one.
constexpr std::chrono::seconds kProbeLimit{5};
// For a device that is destroyed without Shutdown.
constexpr std::chrono::seconds kLastWait{10};

class Pkcs11Device final : public Device {
 public:
  Pkcs11Device(SharedContext context, DeviceInfo info,
               std::shared_ptr<WorkerPool> pool)
      : info_(std::move(info)),
        context_(std::move(context)),
        pool_(std::move(pool)) {}
  ~Pkcs11Device() override;

  const DeviceInfo& info() const override { return info_; }
  DeviceHealth Health() const override;
  void Seal(const Uuid& kek, ByteView aad, ByteView secret, SteadyTime deadline,
            SealDone done) override;
  void Open(const Uuid& kek, ByteView aad, ByteView sealed, SteadyTime deadline,
            OpenDone done) override;
  Status CreateKek(const Uuid& id, std::string_view label) override;
  void Adopt(const KekReference& kek) override { client().keks().Adopt(kek); }
  void Forget(const Uuid& id) override { client().keks().Forget(id); }
  Status Prove(const Uuid& id) override;
  Status DestroyKek(const Uuid& id) override;
  StatusOr<Bytes> MakeSigningKey(const Uuid& id,
                                 std::string_view label) override;
  Status DestroySigningKey(const Uuid& id, std::string_view label) override;
  StatusOr<Bytes> SigningPublicKey(const Uuid& id) override;
  StatusOr<Bytes> Sign(const Uuid& id, ByteView sha256) override;
  StatusOr<std::vector<TokenObject>> List() override;
  Status Probe() override;
  bool Shutdown(SteadyTime until) override;

 private:
  TokenClient& client() const { return *context_->client; }
  Status Block(CallKind kind, BlockingCall::Work work,
               std::chrono::seconds limit = kBlockingLimit);
  // An object change: alone on the token where the profile says so.
  Status Change(CallKind kind, BlockingCall::Work work);

  const DeviceInfo info_;
  const SharedContext context_;
  const std::shared_ptr<WorkerPool> pool_;
  bool stopped_ = false;
  bool overdue_ = false;  // a call outlived a Shutdown
};

Pkcs11Device::~Pkcs11Device() {
  const SteadyTime now = context_->clock.Steady();
  if (Shutdown(overdue_ ? now : now + kLastWait)) return;
  // A thread is inside the module, and owns what it comes back to. The process
  // was told (Shutdown) to _exit.
  log::Error("a token call hangs; what it uses is left to it");
  pool_->Abandon();
}

DeviceHealth Pkcs11Device::Health() const {
  DeviceHealth health;
  const auto say = [&health](DeviceCondition condition, std::string detail) {
    health.condition = condition;
    health.detail = std::move(detail);
  };
  const KekTable::Counts keks = client().keks().Census();
  health.keks_adopted = keks.adopted;
  health.keks_missing = keks.missing;
  // The gravest is said last.
  if (keks.missing > 0) {
    say(DeviceCondition::kKekMissing,
        "KEK missing: " + std::to_string(keks.missing) + " of " +
            std::to_string(keks.adopted) +
            " are not on the token, or are other keys there; restore the token "
            "or the store that belong together");
  }
  if (std::string away = client().link().state().detail(); !away.empty()) {
    say(DeviceCondition::kAway, std::move(away));
  }
  if (const auto reading = pool_->Read(); reading.restart_wanted) {
    say(DeviceCondition::kRestartWanted,
        "restart wanted: " + std::to_string(reading.hanging) +
            " calls hang inside the token");
  }
  if (Status refusal = client().link().anchor().refusal(); !refusal.ok()) {
    say(DeviceCondition::kLoginRefused, std::string(MessageOf(refusal)));
  }
  health.sessions_open = client().link().sessions_open();
  health.operations = context_->operations.load();
  health.sessions_replaced = client().link().sessions_replaced();
  health.logins = client().link().anchor().logins();
  return health;
}

void Pkcs11Device::Seal(const Uuid& kek, ByteView aad, ByteView secret,
                        SteadyTime deadline, SealDone done) {
  if (secret.size() > kMaxSecretSize) {
    done(Error(Reason::kArgumentInvalid,
               "secret has " + std::to_string(secret.size()) +
                   " bytes; want at most 64 for one token operation"));
    return;
  }
  pool_->Submit(std::make_shared<SealCall>(context_, kek, aad, secret, deadline,
                                           std::move(done)));
}

void Pkcs11Device::Open(const Uuid& kek, ByteView aad, ByteView sealed,
                        SteadyTime deadline, OpenDone done) {
  pool_->Submit(std::make_shared<OpenCall>(context_, kek, aad, sealed, deadline,
                                           std::move(done)));
}

Status Pkcs11Device::Block(CallKind kind, BlockingCall::Work work,
                           std::chrono::seconds limit) {
  auto call = std::make_shared<BlockingCall>(
      context_, kind, context_->clock.Steady() + limit, std::move(work));
  pool_->Submit(call);
  return call->Wait();
}

Status Pkcs11Device::Change(CallKind kind, BlockingCall::Work work) {
  if (!client().link().profile().exclusive_object_changes) {
    return Block(kind, std::move(work));
  }
  return Block(kind, [pool = pool_, work = std::move(work)](
                         TokenClient& client, WorkerSession& worker) {
    return pool->Exclusively(worker, [&] { return work(client, worker); });
  });
}

Status Pkcs11Device::CreateKek(const Uuid& id, std::string_view label) {
  return Change(CallKind::kCreate,
                [id, label = std::string(label)](TokenClient& client,
                                                 WorkerSession& worker) {
                  return client.CreateKek(worker, id, label);
                });
}

Status Pkcs11Device::Prove(const Uuid& id) {
  return Block(CallKind::kProve,
               [id](TokenClient& client, WorkerSession& worker) {
                 return client.Prove(worker, id);
               });
}

Status Pkcs11Device::DestroyKek(const Uuid& id) {
  return Change(CallKind::kDestroy,
                [id](TokenClient& client, WorkerSession& worker) {
                  return client.DestroyKek(worker, id);
                });
}

StatusOr<Bytes> Pkcs11Device::MakeSigningKey(const Uuid& id,
                                             std::string_view label) {
  auto spki = std::make_shared<Bytes>();
  SR_RETURN_IF_ERROR(Change(
      CallKind::kCreate, [id, label = std::string(label), spki](
                             TokenClient& client, WorkerSession& worker) {
        return client.signing_keys().Make(worker, id, label, spki.get());
      }));
  return std::move(*spki);
}

Status Pkcs11Device::DestroySigningKey(const Uuid& id, std::string_view label) {
  return Change(CallKind::kDestroy,
                [id, label = std::string(label)](TokenClient& client,
                                                 WorkerSession& worker) {
                  return client.signing_keys().Destroy(worker, id, label);
                });
}

StatusOr<Bytes> Pkcs11Device::SigningPublicKey(const Uuid& id) {
  auto spki = std::make_shared<Bytes>();
  SR_RETURN_IF_ERROR(Block(
      CallKind::kList, [id, spki](TokenClient& client, WorkerSession& worker) {
        return client.signing_keys().PublicKey(worker, id, spki.get());
      }));
  return std::move(*spki);
}

StatusOr<Bytes> Pkcs11Device::Sign(const Uuid& id, ByteView sha256) {
  SR_RETURN_IF_ERROR(CheckDigest(sha256));
  auto signature = std::make_shared<Bytes>();
  SR_RETURN_IF_ERROR(
      Block(CallKind::kSign, [id, digest = ToBytes(sha256), signature](
                                 TokenClient& client, WorkerSession& worker) {
        return client.signing_keys().Sign(worker, id, digest, signature.get());
      }));
  return std::move(*signature);
}

StatusOr<std::vector<TokenObject>> Pkcs11Device::List() {
  auto objects = std::make_shared<std::vector<TokenObject>>();
  SR_RETURN_IF_ERROR(Block(
      CallKind::kList, [objects](TokenClient& client, WorkerSession& worker) {
        return client.List(worker, objects.get());
      }));
  return std::move(*objects);
}

Status Pkcs11Device::Probe() {
  return Block(
      CallKind::kProbe,
      [](TokenClient& client, WorkerSession& worker) {
        return client.Probe(worker);
      },
      kProbeLimit);
}

bool Pkcs11Device::Shutdown(SteadyTime until) {
  if (stopped_) return true;
  overdue_ = !pool_->Shutdown(until);
  if (overdue_) return false;
  stopped_ = true;
  client().link().Stop();
  return true;
}

// --- Opening -----------------------------------------------------------------

StatusOr<std::string> InitArgs(const Pkcs11Options& options) {
  if (!options.init_args.empty()) return options.init_args;
  const std::string& args = options.profile.init_args;
  if (args.find("{dir}") == std::string::npos) return args;
  return Error(Reason::kConfigInvalid,
               "profile " + options.profile.name + " needs init_args; want \"" +
                   args + "\" with the database's directory for {dir}");
}

// Opens as many sessions as wanted, or as the token has.
StatusOr<std::vector<WorkerSession>> OpenSessions(TokenClient& client,
                                                  int wanted) {
  std::vector<WorkerSession> sessions;
  for (int i = 0; i < wanted; ++i) {
    WorkerSession session;
    Status opened = client.link().OpenFirst(session);
    if (!opened.ok()) {
      bool enough = !sessions.empty() && ReasonOf(opened) == Reason::kHsmBusy;
      if (!enough) return opened;
      log::Warning("the token has fewer sessions than workers are configured",
                   {{"wanted", wanted}, {"workers", sessions.size()}});
      break;
    }
    sessions.push_back(std::move(session));
  }
  return sessions;
}

DeviceInfo InfoOf(const Pkcs11Options& options, const Token& token,
                  size_t workers) {
  return {options.profile.name,
          options.module_path,
          token.label,
          token.model,
          token.serial,
          static_cast<int>(workers),
          options.profile.iv_size,
          options.profile.partial_batches};
}

WorkerPool::Options PoolOptions(int workers, size_t queue_limit,
                                const Clock& clock, Metrics& metrics) {
  WorkerPool::Options pool;
  pool.workers = workers;
  pool.queue_limit = std::max<size_t>(1, queue_limit);
  pool.clock = &clock;
  pool.queue_depth = &metrics.GetGauge("strongroom_token_queue_depth",
                                       "Calls that wait for a worker.");
  metrics
      .GetGauge("strongroom_token_workers", "Sessions that can work at once.")
      .Set(workers);
  pool.sessions = &metrics.GetGauge("strongroom_token_sessions",
                                    "Open sessions, the idle one included.");
  pool.sessions_replaced =
      &metrics.GetCounter("strongroom_token_sessions_replaced_total",
                          "Sessions opened in place of a lost one.");
  pool.logins = &metrics.GetCounter("strongroom_token_logins_total",
                                    "Logins to the token.");
  return pool;
}

}  // namespace

StatusOr<SecretBytes> ReadPin(const std::string& path) {
  SR_ASSIGN_OR_RETURN(SecretBytes pin, ReadPrivateFile(path));
  size_t size = pin.size();
  if (size > 0 && pin.Expose()[size - 1] == '\n') --size;
  if (size > 0 && pin.Expose()[size - 1] == '\r') --size;
  pin.Truncate(size);
  if (pin.empty()) {
    return Error(Reason::kFileUnreadable,
                 "PIN file " + path + " is empty; want the token's user PIN");
  }
  return pin;
}

StatusOr<std::unique_ptr<Device>> OpenPkcs11Device(const Pkcs11Options& options,
                                                   const Clock& clock,
                                                   Metrics& metrics) {
  SR_ASSIGN_OR_RETURN(SecretBytes pin, ReadPin(options.pin_file));
  SR_ASSIGN_OR_RETURN(std::string init_args, InitArgs(options));
  SR_ASSIGN_OR_RETURN(std::unique_ptr<Module> module,
                      Module::Load(options.module_path, init_args));
  SR_ASSIGN_OR_RETURN(Token token, module->FindToken(options.token_label,
                                                     options.token_serial));
  auto client = std::make_shared<TokenClient>(
      std::move(module),
      TokenLink::Options{token, options.profile, std::move(pin),
                         options.pin_file, &clock});
  SR_RETURN_IF_ERROR(client->link().Start());
  SR_ASSIGN_OR_RETURN(
      std::vector<WorkerSession> sessions,
      OpenSessions(*client, std::max(1, options.workers.value_or(
                                            options.profile.workers))));
  DeviceInfo info = InfoOf(options, client->link().token(), sessions.size());
  log::Info("token opened", {{"token", info.token_label},
                             {"model", info.token_model},
                             {"profile", info.profile},
                             {"workers", info.workers}});
  SharedContext context(new CallContext{client, CallMetrics(metrics), clock});
  auto pool = WorkerPool::Create(
      client, PoolOptions(info.workers, options.queue_limit, clock, metrics),
      std::move(sessions));
  return StatusOr<std::unique_ptr<Device>>(std::make_unique<Pkcs11Device>(
      std::move(context), std::move(info), std::move(pool)));
}

}  // namespace strongroom::hsm
