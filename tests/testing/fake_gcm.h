// AES-256-GCM as a token does it: iv ciphertext tag.
#pragma once

#include <optional>

#include "strongroom/base/bytes.h"
#include "strongroom/base/secret_bytes.h"

namespace strongroom::testing {

Bytes SealWith(const SecretBytes& key, size_t iv_size, ByteView aad,
               ByteView secret);
// OpenWith gives nothing if the bytes do not open.
std::optional<SecretBytes> OpenWith(const SecretBytes& key, size_t iv_size,
                                    ByteView aad, ByteView sealed);

}  // namespace strongroom::testing
