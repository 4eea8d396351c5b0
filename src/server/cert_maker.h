// A small CA for `strongroomd dev` and for tests: EC P-256, in this process.
#pragma once

#include <string>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::server {

// PemPair is a certificate and its private key (PKCS#8), both PEM.
struct PemPair {
  std::string certificate;
  SecretBytes key;
};

struct Validity {
  WallTime not_before{};
  WallTime not_after{};
};

struct CertificateOrder {
  std::string common_name;
  // OpenSSL's form: "DNS:localhost,IP:127.0.0.1,URI:spiffe://a/b"; may be
  // empty.
  std::string subject_alt_name;
  bool for_server = false;
  bool for_client = false;
  Validity validity;
};

// MakeAuthority gives a self-signed CA that may sign leaves and CRLs only.
// INTERNAL if OpenSSL refuses.
StatusOr<PemPair> MakeAuthority(const std::string& common_name,
                                const Validity& validity);

// MakeCertificate gives a leaf signed by `authority`. CERTIFICATE_INVALID if
// `authority` is not a matching pair; INTERNAL if OpenSSL refuses.
StatusOr<PemPair> MakeCertificate(const PemPair& authority,
                                  const CertificateOrder& order);

}  // namespace strongroom::server
