#include "server/server.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "edge/listen_address.h"
#include "observe/prometheus_metrics.h"
#include "rpc/rpc_server.h"
#include "server/certificates.h"
#include "server/health_watch.h"
#include "server/mode_marks.h"
#include "server/open_token.h"
#include "server/process.h"
#include "server/timer.h"
#include "strongroom/audit/audit_log.h"
#include "strongroom/auth/policy.h"
#include "strongroom/base/files.h"
#include "strongroom/base/log.h"
#include "strongroom/base/version.h"
#include "strongroom/batching/engine.h"
#include "strongroom/keyring/keyring.h"
#include "strongroom/registry/jobs.h"
#include "strongroom/registry/registry.h"
#include "strongroom/service/key_service.h"
#include "strongroom/store/sqlite.h"
#include "strongroom/store/store.h"

namespace strongroom::server {
namespace {

StatusOr<std::shared_ptr<const auth::Policy>> LoadPolicy(
    const std::string& path) {
  SR_ASSIGN_OR_RETURN(std::string text, ReadFile(path));
  return auth::Policy::Parse(text, path);
}

double SecondsOf(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

}  // namespace

// In the order they are made; destroyed in reverse, so users go before what
// they use.
// New requests are refused with a reason until none has come for so long, and
// at most for so long.
constexpr std::chrono::milliseconds kQuietTime(200);
constexpr std::chrono::seconds kRefusalTime(5);
// How often an idle token is asked how it is.
constexpr std::chrono::seconds kProbePeriod(5);

struct Server::Parts {
  Parts(const Config& from, const Clock& time) : config(from), clock(time) {}

  const Config config;
  const Clock& clock;
  WallTime start_time{};
  std::vector<std::string> warnings;
  bool started = false;
  bool stopped = false;
  bool device_let_go = true;

  observe::PrometheusMetrics metrics;
  const auth::Authenticator authenticator;
  std::unique_ptr<auth::PolicySource> policy;
  std::unique_ptr<audit::AuditLog> audit;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<hsm::Device> device;
  std::unique_ptr<keyring::Keyring> keyring;
  std::unique_ptr<batching::Engine> engine;
  std::unique_ptr<registry::Registry> registry;
  std::unique_ptr<registry::Jobs> jobs;
  std::unique_ptr<service::KeyService> service;
  std::unique_ptr<rpc::RpcServer> rpc;
  std::unique_ptr<observe::MetricsEndpoint> endpoint;
  std::unique_ptr<HealthWatch> health;
  SteadyTime next_dates{};  // the key timer's own, both
  SteadyTime next_probe{};
  std::unique_ptr<Timer> key_timer;
  std::unique_ptr<Timer> engine_timer;
  std::unique_ptr<Timer> job_timer;

  Status CheckFiles();
  Status OpenBase();
  Status OpenToken();
  Status BuildDomain();
  model::ServerFacts Facts() const;
  Status Listen();
  Status RecordEvent(std::string_view operation, std::string_view detail);
  Status RecordKeyringEvent(const keyring::Event& event);
  std::chrono::milliseconds TickKeys();
  std::chrono::milliseconds TickEngine();
  void RefuseUntilQuiet(SteadyTime end);
  void RecordStop();
  void NoteCertificateDates();
};

// Everything that can be refused without touching store or token.
Status Server::Parts::CheckFiles() {
  SR_RETURN_IF_ERROR(
      CheckServerPair(config.tls.certificate, config.tls.key, clock.Now())
          .status());
  SR_RETURN_IF_ERROR(
      CheckAuthorities(config.tls.client_ca, clock.Now()).status());
  if (!config.tls.crl_directory.empty()) {
    SR_RETURN_IF_ERROR(CheckCrlDirectory(config.tls.crl_directory));
  }
  for (const std::string& text : {config.listen, config.metrics_listen}) {
    SR_ASSIGN_OR_RETURN(edge::ListenAddress address,
                        edge::ListenAddress::Parse(text));
    SR_RETURN_IF_ERROR(address.Probe());
  }
  return CheckTokenLabel(config.mode, config.hsm.token_label);
}

Status Server::Parts::OpenBase() {
  SR_ASSIGN_OR_RETURN(auto rules, LoadPolicy(config.policy_path));
  policy = std::make_unique<auth::PolicySource>(std::move(rules));
  // The store first: its lock keeps a second process away from the audit log.
  SR_ASSIGN_OR_RETURN(store, store::OpenSqliteStore({.path = config.store_path,
                                                     .metrics = metrics}));
  SR_ASSIGN_OR_RETURN(audit, audit::OpenAuditLog(config.audit_path, metrics));
  return MarkStore(config.mode, config.store_path, store.get());
}

Status Server::Parts::OpenToken() {
  SR_ASSIGN_OR_RETURN(device, server::OpenToken(config, clock, metrics));
  return OkStatus();
}

Status Server::Parts::BuildDomain() {
  keyring::KeyringOptions options;
  // The engine needs the keyring first; it is there before anything can ask.
  options.end_windows = [this](const Uuid& key_id) {
    engine->EndWindows(key_id);
  };
  options.destruction_grace =
      std::chrono::seconds(config.destruction_grace_seconds);
  options.record = [this](const keyring::Event& event) {
    return RecordKeyringEvent(event);
  };
  options.rotated = [this](store::Transaction& t, const Uuid& key_id) {
    return registry::StartInRotation(t, key_id, clock.Now());
  };
  keyring = std::make_unique<keyring::Keyring>(*store, *device, clock, metrics,
                                               std::move(options));
  engine = std::make_unique<batching::Engine>(
      *device, *keyring, clock, metrics,
      batching::EngineOptions{
          .max_queued_items = config.limits.max_queued_items,
          .max_queued_bytes = config.limits.max_queued_bytes,
          .background_share = config.limits.background_share,
          // One audit write for the answers of a batch.
          .together = [this](const auto& f) { audit->Together(f); }});
  SR_ASSIGN_OR_RETURN(keyring::RecoveryReport report, keyring->Start());
  log::Info("keyring is ready", {{"keys", keyring->Current()->keys().size()},
                                 {"finished", report.finished},
                                 {"removed", report.removed},
                                 {"destroyed", report.destroyed},
                                 {"missing_keks", report.missing_keks},
                                 {"unknown_objects", report.unknown_objects},
                                 {"returned_keks", report.returned_keks},
                                 {"destructions_held", report.held}});
  if (report.missing_keks > 0) {
    warnings.push_back(std::to_string(report.missing_keks) +
                       " enabled key versions had no KEK on the token when the "
                       "service started");
  }
  if (report.returned_keks > 0) {
    warnings.push_back(std::to_string(report.returned_keks) +
                       " destroyed KEKs are on the token again; see strongroom "
                       "hsm objects");
  }
  if (report.held > 0 || report.unknown_objects > 0) {
    warnings.push_back(
        "the store may be an old copy: its scheduled destructions are held "
        "until they are cancelled");
  }
  if (report.foreign_keks > 0) {
    warnings.push_back("the store has no key, but the token holds " +
                       std::to_string(report.foreign_keks) +
                       " KEKs of other installations: is this the right "
                       "store?");
  }
  SR_ASSIGN_OR_RETURN(registry, registry::OpenRegistry(*store, clock, metrics));
  jobs = registry::CreateJobs(
      *store, [this](auto request) { engine->Rewrap(std::move(request)); },
      clock, metrics,
      [this](std::string_view type, ByteView payload) {
        return keyring->signing().Sign(type, payload);
      });
  service = service::CreateKeyService({.authenticator = authenticator,
                                       .keyring = *keyring,
                                       .registry = *registry,
                                       .jobs = *jobs,
                                       .engine = *engine,
                                       .device = *device,
                                       .policy = *policy,
                                       .audit = *audit,
                                       .clock = clock,
                                       .metrics = metrics,
                                       .facts = Facts(),
                                       .doors = {rpc::kDoor}});
  return OkStatus();
}

model::ServerFacts Server::Parts::Facts() const {
  return {.version = kVersion,
          .mode = std::string(ModeName(config.mode)),
          .start_time = start_time,
          .installation_id = store->installation_id().ToString(),
          .warnings = warnings};
}

Status Server::Parts::Listen() {
  SR_ASSIGN_OR_RETURN(endpoint, observe::MetricsEndpoint::Start(
                                    config.metrics_listen, metrics));
  rpc::RpcOptions options;
  options.listen = config.listen;
  options.tls = config.tls;
  options.max_concurrent_streams = config.limits.max_concurrent_streams;
  options.blocking_workers = config.limits.lifecycle_workers;
  options.blocking_queue = config.limits.lifecycle_queue;
  options.memory_bytes = config.limits.network_memory_bytes;
  options.max_connections = config.limits.max_connections;
  options.connection_idle_seconds = config.limits.connection_idle_seconds;
  SR_ASSIGN_OR_RETURN(rpc, rpc::RpcServer::Start(options, *service, clock));
  health = std::make_unique<HealthWatch>(
      *device, metrics, [this](bool serving) { rpc->SetServing(serving); });
  return OkStatus();
}

Status Server::Parts::RecordEvent(std::string_view operation,
                                  std::string_view detail) {
  audit::Record record;
  record.time = clock.Now();
  record.operation = operation;
  record.outcome = "OK";
  record.detail = detail;
  return audit->Append(record, audit::Durability::kDurable);
}

Status Server::Parts::RecordKeyringEvent(const keyring::Event& event) {
  struct Words {
    const char* operation;
    const char* begins;
    const char* done;
  };
  static constexpr Words kWords[] = {
      {"keyring.rotate", "due: the rotation begins", "rotated: it was due"},
      {"keyring.destroy", "due: the destruction begins",
       "the KEK is destroyed"},
      {"keyring.retire", "due: the version is taken out of use",
       "the version is out of use"}};
  const Words& words = kWords[static_cast<size_t>(event.kind)];
  audit::Record record;
  record.time = clock.Now();
  record.operation = words.operation;
  record.key = event.key;
  record.versions = {event.version};
  record.outcome = event.outcome.ok()
                       ? "OK"
                       : std::string(ReasonName(ReasonOf(event.outcome)));
  record.detail = event.done ? words.done : words.begins;
  if (!event.outcome.ok()) record.detail = std::string(event.outcome.message());
  return audit->Append(record, audit::Durability::kDurable);
}

// gRPC ends a call that arrives after its shutdown as CANCELLED, without a
// reason. Callers who were told DRAINING, and to wait, have stopped by then.
void Server::Parts::RefuseUntilQuiet(SteadyTime end) {
  end = std::min(end, Clock::System().Steady() + kRefusalTime);
  uint64_t before;
  do {
    before = rpc->requests();
    std::this_thread::sleep_for(kQuietTime);
  } while (rpc->requests() != before && Clock::System().Steady() < end);
}

void Server::Parts::RecordStop() {
  Status recorded = RecordEvent("service.stop", "drained");
  if (recorded.ok()) return;
  log::Error("the stop is not in the audit log", {{"status", recorded}});
}

void Server::Parts::NoteCertificateDates() {
  auto note = [this](std::string_view which, const std::string& path) {
    auto facts = ReadCertificateFacts(path);
    if (!facts.ok()) {
      log::Error("a TLS file cannot be read any more",
                 {{"status", facts.status()}});
      return;
    }
    metrics
        .GetGauge("strongroom_tls_certificate_expiry_timestamp_seconds",
                  "When the first certificate of a configured file expires",
                  {{"file", which}})
        .Set(SecondsOf(facts->not_after));
  };
  note("server", config.tls.certificate);
  note("client_ca", config.tls.client_ca);
}

std::chrono::milliseconds Server::Parts::TickKeys() {
  if (clock.Steady() >= next_dates) {
    NoteCertificateDates();
    next_dates = clock.Steady() + std::chrono::minutes(1);
  }
  if (clock.Steady() >= next_probe) {
    health->Look();
    next_probe = clock.Steady() + kProbePeriod;
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      keyring->RunDue() - clock.Now());
}

std::chrono::milliseconds Server::Parts::TickEngine() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      engine->RunDue() - clock.Steady());
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() { Stop(); }

StatusOr<std::unique_ptr<Server>> Server::Create(const Config& config,
                                                 const Clock& clock) {
  auto parts = std::make_unique<Parts>(config, clock);
  parts->start_time = clock.Now();
  parts->metrics
      .GetGauge("strongroom_build_info", "1, with the version as a label",
                {{"version", kVersion}})
      .Set(1);
  for (std::string advice : {WarnAboutLockedMemory(),
                             RaiseOpenFiles(config.limits.max_connections)}) {
    if (advice.empty()) continue;
    log::Warning(advice);
    parts->warnings.push_back(std::move(advice));
  }
  SR_RETURN_IF_ERROR(parts->CheckFiles());
  SR_RETURN_IF_ERROR(parts->OpenBase());
  // From here on a failure must take down what runs: ~Server does.
  std::unique_ptr<Server> server(new Server(std::move(parts)));
  SR_RETURN_IF_ERROR(server->parts_->OpenToken());
  SR_RETURN_IF_ERROR(server->parts_->BuildDomain());
  return server;
}

Status Server::Start() {
  SR_RETURN_IF_ERROR(parts_->Listen());
  SR_RETURN_IF_ERROR(parts_->RecordEvent("service.start", kVersion));
  parts_->started = true;
  // Three: a rotation may wait for the token, a rewrap job waits for it all the
  // time, and a deadline may not.
  using std::literals::chrono_literals::operator""ms;
  parts_->key_timer = std::make_unique<Timer>(
      100ms, 2000ms, [parts = parts_.get()] { return parts->TickKeys(); });
  parts_->engine_timer = std::make_unique<Timer>(
      10ms, 250ms, [parts = parts_.get()] { return parts->TickEngine(); });
  parts_->job_timer = std::make_unique<Timer>(
      1ms, 1000ms, [parts = parts_.get()] { return parts->jobs->RunDue(); });
  parts_->health->Serve(true);
  log::Info("serving", {{"grpc", grpc_address()},
                        {"metrics", metrics_address()},
                        {"mode", ModeName(parts_->config.mode)},
                        {"version", kVersion}});
  return OkStatus();
}

int Server::grpc_port() const { return parts_->rpc->port(); }
int Server::metrics_port() const { return parts_->endpoint->port(); }

std::string Server::grpc_address() const {
  return edge::ListenAddress::Parse(parts_->config.listen)
      ->WithPort(grpc_port());
}

std::string Server::metrics_address() const {
  return edge::ListenAddress::Parse(parts_->config.metrics_listen)
      ->WithPort(metrics_port());
}

Status Server::Reload() {
  Status reopened = parts_->audit->Reopen();
  auto rules = LoadPolicy(parts_->config.policy_path);
  if (rules.ok()) {
    size_t count = (*rules)->rule_count();
    parts_->policy->Replace(*rules);
    log::Info("policy reloaded",
              {{"path", parts_->config.policy_path}, {"rules", count}});
  } else {
    log::Error("policy not reloaded: the one in force stays",
               {{"status", rules.status()}});
  }
  if (!reopened.ok()) {
    log::Error("audit log not reopened", {{"status", reopened}});
    return reopened;
  }
  if (!rules.ok()) {
    (void)parts_->RecordEvent("service.reload",
                              "policy refused: the old one "
                              "stays");
    return rules.status();
  }
  return parts_->RecordEvent("service.reload", "policy in force");
}

bool Server::Stop() {
  Parts& parts = *parts_;
  if (parts.stopped) return parts.device_let_go;
  parts.stopped = true;
  const SteadyTime end = Clock::System().Steady() +
                         std::chrono::seconds(parts.config.drain_seconds);
  // A part of the time is kept for what comes after the last answer.
  const SteadyTime answers_end = end - std::chrono::milliseconds(500);
  if (parts.health != nullptr) parts.health->Serve(false);
  if (parts.service != nullptr && !parts.service->Drain(answers_end)) {
    log::Warning(
        "requests are left at the end of the drain time: refusing "
        "them");
  }
  if (parts.started) parts.RefuseUntilQuiet(answers_end);
  parts.key_timer.reset();
  parts.engine_timer.reset();
  // Answers what is still queued, so that the listener below can end.
  if (parts.engine != nullptr) parts.engine->Shutdown(answers_end);
  // Only now, as a job may wait for the token: it has been answered.
  parts.job_timer.reset();
  if (parts.keyring != nullptr) parts.keyring->Close();
  if (parts.registry != nullptr) parts.registry->Shutdown();
  if (parts.rpc != nullptr) {
    parts.rpc->Shutdown(std::chrono::system_clock::now() +
                        std::chrono::milliseconds(200));
    parts.rpc.reset();
    if (parts.started) parts.RecordStop();
  }
  parts.endpoint.reset();
  if (parts.device != nullptr) {
    parts.device_let_go = parts.device->Shutdown(
        std::max(end, Clock::System().Steady() + std::chrono::seconds(1)));
  }
  return parts.device_let_go;
}

}  // namespace strongroom::server
