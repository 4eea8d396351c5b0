// Caller: who asks. Unforgeable: only an Authenticator makes one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/status.h"

namespace strongroom::auth {

// Caller is one identity: "uri:spiffe://bank/payments", "dns:app.bank.example"
// or "cn:payments-app".
class Caller {
 public:
  const std::string& id() const { return id_; }
  // The certificate's subject, for people.
  const std::string& subject() const { return subject_; }

 private:
  friend class Authenticator;
  Caller(std::string id, std::string subject)
      : id_(std::move(id)), subject_(std::move(subject)) {}
  std::string id_;
  std::string subject_;
};

// PeerCertificate is what the edge learned from a verified TLS handshake.
struct PeerCertificate {
  bool verified = false;  // the chain was verified against our client CA
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::string common_name;
  // How many the subject has: common_name is only the first of them.
  size_t common_name_count = 1;
  std::string subject;
};

// Authenticator turns a verified certificate into a Caller. The identity is the
// one URI name if there is one, else the one DNS name, else the common name; a
// certificate with two URIs (or, without URIs, two DNS names, or with neither,
// two common names) is ambiguous and refused. UNAUTHENTICATED in every refusal.
// Thread-safe.
class Authenticator {
 public:
  StatusOr<Caller> Authenticate(const PeerCertificate& peer) const;
};

}  // namespace strongroom::auth
