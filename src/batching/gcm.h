// AES-256-GCM with a 12-byte nonce and a 16-byte tag, by OpenSSL: what
// LeafSealer and LeafOpener do with bytes, apart from what the bytes mean, so
// that it can be held against published vectors.
#pragma once

#include <array>
#include <cstdint>

#include "strongroom/base/bytes.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/batching/leaf_cipher.h"

namespace strongroom::batching {

using GcmNonce = std::array<uint8_t, 12>;
enum class GcmDirection : int { kOpen = 0, kSeal = 1 };

// A failed call leaves entries in the thread's error queue; they are dropped,
// lest a TLS call on this thread takes them for its own.
Status GcmRefused(const char* call);

// KeyedGcm expands a key of 32 bytes; INTERNAL for others, or if OpenSSL
// refuses. The context is then good for any number of StartGcm.
StatusOr<CipherContext> KeyedGcm(const SecretBytes& batch_key,
                                 GcmDirection direction);

// StartGcm begins one message: nonce, then what is authenticated. AES-GCM takes
// that in pieces, so the two need not be copied together. False if OpenSSL
// refuses, here and below.
bool StartGcm(evp_cipher_ctx_st* context, const GcmNonce& nonce, ByteView aad,
              ByteView more_aad);

// SealGcm writes ciphertext and tag, 16 bytes more than `secret` has.
bool SealGcm(evp_cipher_ctx_st* context, ByteView secret, uint8_t* sealed);

// OpenGcm fills `secret`, 16 bytes less than `sealed`. False for a wrong tag:
// `secret` then holds bytes that the caller wipes.
bool OpenGcm(evp_cipher_ctx_st* context, ByteView sealed,
             MutableByteView secret);

}  // namespace strongroom::batching
