// Certificates for tests, in files of a directory of the test's own.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "server/cert_maker.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/secret_bytes.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::testing {

inline server::Validity ValidNow() {
  WallTime now = Clock::System().Now();
  return {now - std::chrono::hours(1), now + std::chrono::hours(24)};
}

// TestPki is one CA and what it signs.
class TestPki {
 public:
  explicit TestPki(const std::string& name = "test CA")
      : authority_(*server::MakeAuthority(name, ValidNow())) {}

  const server::PemPair& authority() const { return authority_; }

  server::PemPair Server(server::Validity validity = ValidNow()) const {
    return *server::MakeCertificate(
        authority_, {.common_name = "strongroom",
                     .subject_alt_name = "DNS:localhost,IP:127.0.0.1,IP:::1",
                     .for_server = true,
                     .validity = validity});
  }
  server::PemPair Client(const std::string& common_name,
                         const std::string& subject_alt_name = "",
                         server::Validity validity = ValidNow()) const {
    return *server::MakeCertificate(authority_,
                                    {.common_name = common_name,
                                     .subject_alt_name = subject_alt_name,
                                     .for_client = true,
                                     .validity = validity});
  }

 private:
  server::PemPair authority_;
};

inline std::string KeyText(const server::PemPair& pair) {
  return std::string(AsText(pair.key.Expose()));
}

}  // namespace strongroom::testing
