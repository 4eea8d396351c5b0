// HKDF with SHA-256 (RFC 5869), by OpenSSL.
#pragma once

#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::envelope {

// HkdfSha256 fills `out` (1 to 8160 bytes) from the key, salt and info.
// INTERNAL if OpenSSL refuses. Any thread.
Status HkdfSha256(ByteView key, ByteView salt, ByteView info,
                  MutableByteView out);

}  // namespace strongroom::envelope
