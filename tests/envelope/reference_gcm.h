// AES-256-GCM straight from OpenSSL, for tests: what a token does with a KEK,
// and a second opinion on the leaf cipher. Slow and simple.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <optional>

#include "strongroom/base/bytes.h"

namespace strongroom::testing {

inline constexpr size_t kGcmTagSize = 16;

namespace internal {
using EvpContext =
    std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

// Null if OpenSSL refuses the key or the length of the IV.
inline EvpContext GcmStart(ByteView key, ByteView iv, ByteView aad, bool seal) {
  EvpContext context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int n = 0;
  const bool ok =
      key.size() == 32 &&
      EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, nullptr,
                        nullptr, seal) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN,
                          static_cast<int>(iv.size()), nullptr) == 1 &&
      EVP_CipherInit_ex(context.get(), nullptr, nullptr, key.data(), iv.data(),
                        seal) == 1 &&
      (aad.empty() || EVP_CipherUpdate(context.get(), nullptr, &n, aad.data(),
                                       static_cast<int>(aad.size())) == 1);
  if (!ok) context.reset();
  return context;
}
}  // namespace internal

// GcmSeal gives ciphertext and tag; empty if OpenSSL refuses.
inline Bytes GcmSeal(ByteView key, ByteView iv, ByteView plaintext,
                     ByteView aad) {
  const auto context = internal::GcmStart(key, iv, aad, true);
  Bytes out(plaintext.size() + kGcmTagSize);
  uint8_t* const tag = out.data() + plaintext.size();
  int n = 0;
  const bool ok =
      context != nullptr &&
      (plaintext.empty() ||
       EVP_CipherUpdate(context.get(), out.data(), &n, plaintext.data(),
                        static_cast<int>(plaintext.size())) == 1) &&
      EVP_CipherFinal_ex(context.get(), tag, &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kGcmTagSize,
                          tag) == 1;
  return ok ? out : Bytes();
}

// GcmOpen gives the plaintext, or nothing if it does not authenticate.
inline std::optional<Bytes> GcmOpen(ByteView key, ByteView iv, ByteView sealed,
                                    ByteView aad) {
  if (sealed.size() < kGcmTagSize) return std::nullopt;
  const auto context = internal::GcmStart(key, iv, aad, false);
  const ByteView ciphertext = sealed.first(sealed.size() - kGcmTagSize);
  Bytes tag = ToBytes(sealed.last(kGcmTagSize));
  Bytes out(ciphertext.size());
  uint8_t nothing = 0;
  int n = 0;
  const bool ok =
      context != nullptr &&
      (ciphertext.empty() ||
       EVP_CipherUpdate(context.get(), out.data(), &n, ciphertext.data(),
                        static_cast<int>(ciphertext.size())) == 1) &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kGcmTagSize,
                          tag.data()) == 1 &&
      EVP_CipherFinal_ex(context.get(), &nothing, &n) == 1;
  if (!ok) return std::nullopt;
  return out;
}

// OpenIvAndSealed opens "iv ciphertext tag" of a secret of a known size: the
// IV is what is left at the front.
inline std::optional<Bytes> OpenIvAndSealed(ByteView key, ByteView blob,
                                            size_t secret_size, ByteView aad) {
  if (blob.size() <= secret_size + kGcmTagSize) return std::nullopt;
  const size_t iv_size = blob.size() - secret_size - kGcmTagSize;
  return GcmOpen(key, blob.first(iv_size), blob.subspan(iv_size), aad);
}

}  // namespace strongroom::testing
