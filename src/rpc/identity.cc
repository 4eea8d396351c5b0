#include "rpc/identity.h"

#include <grpc/grpc_security_constants.h>

#include <string_view>
#include <vector>

namespace strongroom::rpc {
namespace {

std::vector<std::string> Values(const grpc::AuthContext& context,
                                const char* property) {
  std::vector<std::string> values;
  for (const grpc::string_ref& value : context.FindPropertyValues(property)) {
    values.emplace_back(value.data(), value.size());
  }
  return values;
}

std::string First(const grpc::AuthContext& context, const char* property) {
  std::vector<std::string> values = Values(context, property);
  return values.empty() ? std::string() : std::move(values.front());
}

bool IsTls(const grpc::AuthContext& context) {
  if (!context.IsPeerAuthenticated()) return false;
  // Other transports can be "authenticated" without a certificate.
  const auto types =
      context.FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  return !types.empty() && (types.front() == "ssl" || types.front() == "tls");
}

}  // namespace

size_t CountCommonNames(std::string_view subject) {
  size_t count = 0;
  bool at_type = true;
  for (size_t i = 0; i < subject.size(); ++i) {
    if (at_type && subject.substr(i, 3) == "CN=") ++count;
    at_type = subject[i] == ',' || subject[i] == '+';
    if (subject[i] == '\\') ++i;  // what follows is a character of the value
  }
  return count;
}

auth::PeerCertificate PeerOf(const grpc::AuthContext& context) {
  auth::PeerCertificate peer;
  if (!IsTls(context)) return peer;
  peer.verified = true;
  peer.uris = Values(context, GRPC_PEER_URI_PROPERTY_NAME);
  peer.dns_names = Values(context, GRPC_PEER_DNS_PROPERTY_NAME);
  peer.common_name = First(context, GRPC_X509_CN_PROPERTY_NAME);
  peer.subject = First(context, GRPC_X509_SUBJECT_PROPERTY_NAME);
  peer.common_name_count = CountCommonNames(peer.subject);
  return peer;
}

auth::Credential CredentialOf(const grpc::AuthContext& context) {
  if (!IsTls(context)) return {};
  const auto certificates =
      context.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  std::string_view certificate;
  if (!certificates.empty()) {
    certificate = {certificates[0].data(), certificates[0].size()};
  }
  return auth::Credential(certificate, [&context] { return PeerOf(context); });
}

std::string AddressOf(const std::string& grpc_peer) {
  std::string_view rest = grpc_peer;
  for (std::string_view scheme : {"ipv4:", "ipv6:"}) {
    if (rest.substr(0, scheme.size()) == scheme) {
      rest.remove_prefix(scheme.size());
      break;
    }
  }
  std::string address;
  while (!rest.empty()) {
    std::string_view three = rest.substr(0, 3);
    bool open = three == "%5B" || three == "%5b";
    bool close = three == "%5D" || three == "%5d";
    address += open ? '[' : close ? ']' : rest.front();
    rest.remove_prefix(open || close ? 3 : 1);
  }
  return address;
}

}  // namespace strongroom::rpc
