// Checks of TLS files before they are used: what is wrong is said at start, by
// name and date, and not found out by clients.
#pragma once

#include <string>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/status.h"

namespace strongroom::server {

struct CertificateFacts {
  std::string subject;
  WallTime not_before{};
  WallTime not_after{};
};

// CheckServerPair reads a certificate chain and its key. FILE_UNREADABLE;
// FILE_NOT_PRIVATE for a key that others can read; CERTIFICATE_INVALID if it
// is not PEM, not valid at `now`, not for servers (extended key usage without
// serverAuth), without subject alternative name, or if the key is not its own.
StatusOr<CertificateFacts> CheckServerPair(const std::string& certificate_path,
                                           const std::string& key_path,
                                           WallTime now);

// CheckAuthorities reads the bundle of CAs. CERTIFICATE_INVALID if it holds
// none, one that is not a CA, or none that is valid at `now`.
StatusOr<std::vector<CertificateFacts>> CheckAuthorities(
    const std::string& path, WallTime now);

// CheckCrlDirectory: FILE_UNREADABLE unless it is a directory that can be
// listed; CERTIFICATE_INVALID if it has no file with OpenSSL's hashed name
// (8 hex digits and .rN), as then nothing would ever be revoked.
Status CheckCrlDirectory(const std::string& path);

// ReadCertificateFacts reads the first certificate of a file.
StatusOr<CertificateFacts> ReadCertificateFacts(const std::string& path);

}  // namespace strongroom::server
