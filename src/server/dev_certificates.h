// The CA of a development directory and the two certificates it signs.
#pragma once

#include <string>
#include <vector>

#include "rpc/rpc_server.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/status.h"

namespace strongroom::server {

// PrepareDevCertificates makes DIR/tls/{ca,server,client}.{crt,key} (keys
// 0600), or keeps those that are there and valid long enough after `now`. Adds
// a sentence to `made` for each that is new.
StatusOr<rpc::TlsFiles> PrepareDevCertificates(const std::string& directory,
                                               WallTime now,
                                               std::vector<std::string>* made);

}  // namespace strongroom::server
