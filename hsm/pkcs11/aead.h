// AES-256-GCM on the token: one seal, one open, on one session.
#pragma once

#include "hsm/pkcs11/session.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/hsm/profile.h"

namespace strongroom::hsm {

inline constexpr size_t kTagSize = 16;
// The one place that says how long a tag is. With ulTagBits = 0 some tokens
// make, and accept, ciphertexts that nothing authenticates.
inline constexpr CK_ULONG kTagBits = 8 * kTagSize;

// AeadSeal makes iv ciphertext tag. A token that answers CKR_OK with an output
// of the wrong size, or without an IV where it should have made one, gives
// CKR_FUNCTION_FAILED: what it made must not be used.
CK_RV AeadSeal(const Session& session, CK_OBJECT_HANDLE key,
               const Profile& profile, ByteView aad, ByteView secret,
               Bytes* sealed);

// AeadOpen is the inverse. `sealed` shorter than IV and tag gives
// CKR_ENCRYPTED_DATA_LEN_RANGE without asking the token.
CK_RV AeadOpen(const Session& session, CK_OBJECT_HANDLE key,
               const Profile& profile, ByteView aad, ByteView sealed,
               SecretBytes* secret);

}  // namespace strongroom::hsm
