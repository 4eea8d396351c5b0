// SigningKeys: P-256 pairs on the token. hsm/README.md has their attributes.
#pragma once

#include <string_view>

#include "hsm/pkcs11/token_link.h"

namespace strongroom::hsm {

// SigningKeys is thread-safe; its members block in the token and belong on a
// worker. Device says what each promises.
class SigningKeys {
 public:
  explicit SigningKeys(TokenLink& link) : link_(link) {}

  Status Make(WorkerSession& worker, const Uuid& id, std::string_view label,
              Bytes* spki);
  Status Destroy(WorkerSession& worker, const Uuid& id, std::string_view label);
  Status PublicKey(WorkerSession& worker, const Uuid& id, Bytes* spki);
  Status Sign(WorkerSession& worker, const Uuid& id, ByteView digest,
              Bytes* signature);

 private:
  TokenLink& link_;
};

}  // namespace strongroom::hsm
