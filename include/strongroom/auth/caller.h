// Caller: who asks. Unforgeable: only an Authenticator makes one, of the
// Credential that a door brings.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "strongroom/base/mutex.h"
#include "strongroom/base/status.h"

namespace strongroom::auth {

// Caller is one identity: "uri:spiffe://bank/payments", "dns:app.bank.example"
// or "cn:payments-app". Cheap to copy.
class Caller {
 public:
  const std::string& id() const { return names_->id; }
  // The certificate's subject, for people.
  const std::string& subject() const { return names_->subject; }

 private:
  friend class Authenticator;
  struct Names {
    std::string id;
    std::string subject;
  };
  Caller(std::string id, std::string subject)
      : names_(std::make_shared<const Names>(
            Names{std::move(id), std::move(subject)})) {}
  std::shared_ptr<const Names> names_;
};

// PeerCertificate is what a door learned from a verified TLS handshake.
struct PeerCertificate {
  bool verified = false;  // the chain was verified against our client CA
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::string common_name;
  // How many the subject has: common_name is only the first of them.
  size_t common_name_count = 1;
  std::string subject;
};

// Credential is what a door knows of who sends a request. It proves nothing
// until an Authenticator has judged it.
class Credential {
 public:
  // Nobody's.
  Credential() = default;
  // Of a connection whose handshake verified `certificate`. `read` gives what
  // it says, and the same whenever the bytes are the same. Both are borrowed:
  // they live until the service has answered the request.
  using Read = std::function<PeerCertificate()>;
  Credential(std::string_view certificate, Read read)
      : certificate_(certificate), read_(std::move(read)) {}
  // Of a certificate that was read already.
  explicit Credential(PeerCertificate peer)
      : read_([peer = std::move(peer)] { return peer; }) {}

 private:
  friend class Authenticator;
  std::string_view certificate_;
  Read read_;
};

// Authenticator turns a verified certificate into a Caller. The identity is the
// one URI name if there is one, else the one DNS name, else the common name; a
// certificate with two URIs (or, without URIs, two DNS names, or with neither,
// two common names) is ambiguous and refused. UNAUTHENTICATED in every refusal.
// Thread-safe.
class Authenticator {
 public:
  StatusOr<Caller> Authenticate(const PeerCertificate& peer) const;
  // The same, and remembers the caller of a certificate: at most kRemembered
  // of them, of at most kMaxRememberedSize bytes.
  StatusOr<Caller> Authenticate(const Credential& credential) const
      SR_EXCLUDES(mutex_);

  static constexpr size_t kRemembered = 1024;
  static constexpr size_t kMaxRememberedSize = 16 * 1024;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  mutable Mutex mutex_;
  // By the whole certificate. What it says does not change; whether it is
  // still good is the handshake's to judge, each time.
  mutable std::unordered_map<std::string, Caller, Hash, std::equal_to<>> known_
      SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::auth
