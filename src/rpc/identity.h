// Who is at the other end of a connection.
#pragma once

#include <grpcpp/security/auth_context.h>

#include <string>
#include <string_view>

#include "strongroom/auth/caller.h"

namespace strongroom::rpc {

// PeerOf reads what the TLS handshake proved. Without a verified client
// certificate `verified` is false and nothing else is filled in.
auth::PeerCertificate PeerOf(const grpc::AuthContext& context);

// CredentialOf gives that peer's credential; it borrows from `context`.
auth::Credential CredentialOf(const grpc::AuthContext& context);

// CountCommonNames counts the CN attributes of a subject as gRPC writes it (RFC
// 2253: a separator inside a value is escaped). gRPC itself gives the first.
size_t CountCommonNames(std::string_view subject);

// AddressOf turns gRPC's peer ("ipv4:10.0.0.1:77", "ipv6:%5B::1%5D:77") into
// the form people write: "10.0.0.1:77", "[::1]:77".
std::string AddressOf(const std::string& grpc_peer);

}  // namespace strongroom::rpc
