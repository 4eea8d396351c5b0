#include "rpc/rpc_server.h"

#include <absl/synchronization/mutex.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/grpc_security_constants.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "edge/acceptor.h"
#include "edge/listen_address.h"
#include "rpc/exchange.h"
#include "rpc/services.h"
#include "strongroom/base/log.h"
#include "strongroom/model/data.h"

namespace strongroom::rpc {
namespace {

using External = grpc::experimental::ExternalConnectionAcceptor;

// A request of just over the limit must reach us, to be refused with a reason.
constexpr int kMaxReceiveBytes =
    static_cast<int>(model::kMaxBatchRequestBytes) + (1 << 20);

// Whoever reaches the port can make gRPC log (a handshake that fails), so only
// so many lines go through in ten seconds.
bool MayLog() {
  static std::atomic<int64_t> window{0};
  static std::atomic<int> lines{0};
  int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                    std::chrono::steady_clock::now().time_since_epoch())
                    .count() /
                10;
  if (window.exchange(now) != now) lines = 0;
  return lines.fetch_add(1) < 10;
}

void ForwardGrpcLog(gpr_log_func_args* args) {
  if (args->severity != GPR_LOG_SEVERITY_ERROR || !MayLog()) return;
  log::Warning("grpc", {{"message", args->message}});
}

void SetUpLibraries() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Debian's absl looks for deadlocks among gRPC's mutexes at each lock, a
    // help for who develops gRPC: a twentieth of all time in a busy server.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    gpr_set_log_function(&ForwardGrpcLog);
    // Requests that do not parse are answered; they do not fill the log.
    google::protobuf::SetLogHandler(nullptr);
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

std::shared_ptr<grpc::ServerCredentials> MakeCredentials(
    const TlsFiles& files) {
  auto provider =
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          files.key, files.certificate, files.client_ca,
          kCertificateRefreshSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  if (!files.crl_directory.empty()) {
    options.set_crl_directory(files.crl_directory);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

void SetLimits(const RpcOptions& options, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(kMaxReceiveBytes);
  // gRPC unpacks a message before it looks at its size: a small one could fill
  // the memory. Sealed bytes do not compress, so nobody loses anything.
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  grpc::ResourceQuota quota("strongroom");
  quota.Resize(options.memory_bytes);
  quota.SetMaxThreads(64);  // reflection alone uses threads of its own
  builder->SetResourceQuota(quota);
  auto set = [builder](const char* argument, int value) {
    builder->AddChannelArgument(argument, value);
  };
  set(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  set(GRPC_ARG_MAX_METADATA_SIZE, 16 * 1024);
  set(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  // A client may ping every 10 s, calls or not; a server asks after 60 s.
  set(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  set(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
  set(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  set(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  set(GRPC_ARG_MAX_CONNECTION_IDLE_MS, options.connection_idle_seconds * 1000);
  // So that an expired or revoked certificate does not live on for ever in a
  // connection that was made with it.
  set(GRPC_ARG_MAX_CONNECTION_AGE_MS, 3600'000);
  set(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 60'000);
}

// Up to the listener's own number all is taken already, but for a few gaps.
int ConnectionLimit(const RpcOptions& options, int listener) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  int allowed = static_cast<int>(std::min<rlim_t>(files.rlim_cur, INT32_MAX));
  return std::min(listener + 1 + options.max_connections,
                  edge::FreeFilesLimit(allowed));
}

}  // namespace

struct RpcServer::Parts {
  Parts(const RpcOptions& options, service::KeyService& key_service,
        const Clock& clock)
      : door{.service = key_service,
             .clock = clock,
             .workers = {options.blocking_workers, options.blocking_queue},
             .ids = {}},
        services(MakeServices(door)) {}

  Door door;
  std::vector<std::unique_ptr<grpc::Service>> services;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<edge::Acceptor> acceptor;
  int port = 0;
};

StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(
    const RpcOptions& options, service::KeyService& service,
    const Clock& clock) {
  SetUpLibraries();
  SR_ASSIGN_OR_RETURN(edge::ListenAddress address,
                      edge::ListenAddress::Parse(options.listen));
  SR_ASSIGN_OR_RETURN(edge::ListeningSocket socket, address.Listen());
  auto parts = std::make_unique<Parts>(options, service, clock);
  grpc::ServerBuilder builder;
  SetLimits(options, &builder);
  std::shared_ptr<External> external =
      builder.experimental().AddExternalConnectionAcceptor(
          grpc::ServerBuilder::experimental_type::ExternalConnectionType::
              FROM_FD,
          MakeCredentials(options.tls));
  for (const auto& each : parts->services) builder.RegisterService(each.get());
  parts->server = builder.BuildAndStart();
  if (parts->server == nullptr) {
    return Error(Reason::kCertificateInvalid,
                 "gRPC does not start with " + options.tls.certificate + ", " +
                     options.tls.key + " and " + options.tls.client_ca +
                     "; want PEM files that OpenSSL takes");
  }
  parts->port = socket.port();
  std::unique_ptr<RpcServer> server(new RpcServer(std::move(parts)));
  server->SetServing(false);
  int limit = ConnectionLimit(options, socket.fd());
  server->parts_->acceptor = std::make_unique<edge::Acceptor>(
      std::move(socket), limit, [external](int listener, int connection) {
        External::NewConnectionParameters taken;
        taken.listener_fd = listener;
        taken.fd = connection;
        external->HandleNewConnection(&taken);
      });
  return server;
}

RpcServer::RpcServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

RpcServer::~RpcServer() {
  if (parts_->server != nullptr) Shutdown(std::chrono::system_clock::now());
}

int RpcServer::port() const { return parts_->port; }

uint64_t RpcServer::requests() const { return parts_->door.ids.count(); }

void RpcServer::SetServing(bool serving) {
  auto* health = parts_->server->GetHealthCheckService();
  health->SetServingStatus(serving);  // "" and every name asked for before
  for (std::string_view name : ServiceNames()) {
    health->SetServingStatus(FullName(name), serving);
  }
}

void RpcServer::Shutdown(std::chrono::system_clock::time_point deadline) {
  parts_->acceptor.reset();
  parts_->server->Shutdown(deadline);
  parts_->server->Wait();
  parts_->server.reset();
}

}  // namespace strongroom::rpc
