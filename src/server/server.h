// Server: builds every part from a Config, in the order in which they may fail,
// serves, and takes it all down again. The only place that names concrete
// classes.
#pragma once

#include <memory>
#include <string>

#include "server/config.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/status.h"

namespace strongroom::server {

// The label of every token that `dev` makes: its mark.
inline constexpr char kDevTokenLabel[] = "strongroom-dev";

// Server is used by one thread, but Reload may come from another. At most one
// per process uses the same PKCS#11 module.
class Server {
 public:
  // Create checks the certificates, opens policy, audit log, store and token,
  // and recovers what a crash left. Nothing listens yet. Any reason of those
  // parts; DEVELOPMENT_ONLY if store or token belong to the other mode.
  static StatusOr<std::unique_ptr<Server>> Create(
      const Config& config, const Clock& clock = Clock::System());
  // Stops, if Stop was not called.
  ~Server();

  // Start listens; when it returns, requests are served and health says so.
  // ADDRESS_IN_USE, CONFIG_INVALID, CERTIFICATE_INVALID.
  Status Start();

  // The real addresses, after Start: "127.0.0.1:7443".
  std::string grpc_address() const;
  std::string metrics_address() const;
  int grpc_port() const;
  int metrics_port() const;

  // Reload reads the policy again and reopens the audit log. On failure the
  // policy in force stays; both are tried in any case.
  Status Reload();

  // Stop drains: refuses new requests, answers those inside, closes
  // connections, ends engine and token. Takes at most drain_seconds, unless the
  // token hangs. False if the token did not let go: then the process must
  // _exit, for its module may crash a normal exit. A second call changes
  // nothing.
  bool Stop();

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace strongroom::server
