// Sha256: the digest of bytes as they come (FIPS 180-4, by OpenSSL).
#pragma once

#include <memory>

#include "strongroom/base/bytes.h"

namespace strongroom::signing {

// Thread rule: one thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& Add(ByteView bytes);
  // Finish gives the 32 bytes. Nothing may be added after it.
  Bytes Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strongroom::signing
