// Credentials: the PEM files of a connection, read and checked before use.
#pragma once

#include <string>

#include "strongroom/base/clock.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/client/client.h"

namespace strongroom::client {

struct Credentials {
  std::string ca;    // PEM
  std::string cert;  // PEM
  SecretBytes key;   // PEM
};

// ReadCredentials reads the three files that `options` names. Checked here, so
// that a local mistake is not reported as a handshake that failed somewhere:
// FILE_UNREADABLE, FILE_NOT_PRIVATE, CERTIFICATE_INVALID (not PEM, expired or
// not yet valid, a key of another certificate).
StatusOr<Credentials> ReadCredentials(const Options& options, WallTime now);

}  // namespace strongroom::client
