#include "auth/identity.h"
#include "strongroom/auth/caller.h"

namespace strongroom::auth {
namespace {

Status Refuse(std::string_view why) {
  return Error(Reason::kUnauthenticated, why);
}

Status Ambiguous(size_t count, std::string_view kind) {
  return Refuse("the client certificate has " + std::to_string(count) + " " +
                std::string(kind) +
                " names; want one, so that it names one caller");
}

StatusOr<std::string> IdentityOf(const PeerCertificate& peer) {
  if (peer.uris.size() > 1) return Ambiguous(peer.uris.size(), "URI");
  if (!peer.uris.empty()) return MakeIdentity("uri", peer.uris[0]);
  if (peer.dns_names.size() > 1) return Ambiguous(peer.dns_names.size(), "DNS");
  if (!peer.dns_names.empty()) return MakeIdentity("dns", peer.dns_names[0]);
  if (!peer.common_name.empty()) {
    if (peer.common_name_count != 1) {
      return Ambiguous(peer.common_name_count, "common");
    }
    return MakeIdentity("cn", peer.common_name);
  }
  return Refuse(
      "the client certificate names nobody; want one URI name, one DNS name "
      "or a common name");
}

}  // namespace

StatusOr<Caller> Authenticator::Authenticate(
    const PeerCertificate& peer) const {
  if (!peer.verified) {
    return Refuse(
        "no client certificate of a trusted CA; connect with one (mutual TLS)");
  }
  SR_ASSIGN_OR_RETURN(std::string id, IdentityOf(peer));
  return Caller(std::move(id), peer.subject);
}

StatusOr<Caller> Authenticator::Authenticate(
    const Credential& credential) const {
  if (!credential.read_) return Authenticate(PeerCertificate());
  const std::string_view certificate = credential.certificate_;
  if (certificate.empty() || certificate.size() > kMaxRememberedSize) {
    return Authenticate(credential.read_());
  }
  {
    MutexLock lock(mutex_);
    auto found = known_.find(certificate);
    if (found != known_.end()) return found->second;
  }
  SR_ASSIGN_OR_RETURN(Caller caller, Authenticate(credential.read_()));
  MutexLock lock(mutex_);
  // Rare: so many clients have certificates of their own.
  if (known_.size() >= kRemembered) known_.clear();
  known_.emplace(certificate, caller);
  return caller;
}

}  // namespace strongroom::auth
