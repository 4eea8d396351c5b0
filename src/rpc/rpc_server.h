// RpcServer: the gRPC listener, mutual TLS required.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "strongroom/base/clock.h"
#include "strongroom/base/status.h"
#include "strongroom/service/key_service.h"

namespace strongroom::rpc {

// The door's name in records and metrics: for service::ServiceParts::doors.
inline constexpr std::string_view kDoor = "grpc";

// TlsFiles are PEM. They are watched: a renewed pair is used for new
// connections within kCertificateRefresh, without a restart. Replace key and
// certificate together (a rename of their directory, or a symbolic link): while
// they do not match, new connections are refused.
struct TlsFiles {
  std::string certificate;  // chain, leaf first
  std::string key;
  std::string client_ca;      // who may vouch for clients
  std::string crl_directory;  // optional; OpenSSL hashed names
};
inline constexpr unsigned kCertificateRefreshSeconds = 10;

struct RpcOptions {
  std::string listen;  // "127.0.0.1:7443", "[::1]:0"
  TlsFiles tls;
  int max_concurrent_streams = 1024;  // for each connection
  int blocking_workers = 4;           // lifecycle and views
  size_t blocking_queue = 64;
  size_t memory_bytes = 512u << 20;  // gRPC's buffers, all connections
  // Less if the process may not open as many files and 256 more.
  int max_connections = 4096;
  int connection_idle_seconds = 900;  // without a call, then it is closed
};

// RpcServer is thread-safe. grpc.health.v1 and reflection are on.
class RpcServer {
 public:
  // Start listens and serves; health says NOT_SERVING until SetServing(true).
  // ADDRESS_IN_USE; CONFIG_INVALID if the address cannot be listened on;
  // CERTIFICATE_INVALID if gRPC does not take the TLS files.
  static StatusOr<std::unique_ptr<RpcServer>> Start(
      const RpcOptions& options, service::KeyService& service,
      const Clock& clock);
  ~RpcServer();

  // port is the real one when port 0 was asked for.
  int port() const;
  void SetServing(bool serving);
  // requests is how many have come so far, those refused included.
  uint64_t requests() const;

  // Shutdown stops listening, waits for running calls, cancels those that
  // outlive `deadline`, and returns when every call was answered. Call once.
  void Shutdown(std::chrono::system_clock::time_point deadline);

 private:
  struct Parts;
  explicit RpcServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace strongroom::rpc
