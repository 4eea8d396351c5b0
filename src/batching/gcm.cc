#include "batching/gcm.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <string>

namespace strongroom::batching {
namespace {

using envelope::kTagSize;

// Fetched once: a fetch takes locks and costs more than sealing a leaf. Never
// freed, so that threads still running at exit are safe.
const EVP_CIPHER* Aes256Gcm() {
  static const EVP_CIPHER* const cipher =
      EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

bool Authenticate(EVP_CIPHER_CTX* context, ByteView aad) {
  int written = 0;
  return aad.empty() || EVP_CipherUpdate(context, nullptr, &written, aad.data(),
                                         static_cast<int>(aad.size())) == 1;
}

bool Transform(EVP_CIPHER_CTX* context, ByteView in, uint8_t* out) {
  int written = 0;
  return in.empty() || (EVP_CipherUpdate(context, out, &written, in.data(),
                                         static_cast<int>(in.size())) == 1 &&
                        static_cast<size_t>(written) == in.size());
}

}  // namespace

void CipherContextFree::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}

Status GcmRefused(const char* call) {
  ERR_clear_error();
  return Error(Reason::kInternal, std::string("OpenSSL refused ") + call +
                                      " for AES-256-GCM; want success: check "
                                      "the OpenSSL installation");
}

StatusOr<CipherContext> KeyedGcm(const SecretBytes& batch_key,
                                 GcmDirection direction) {
  if (batch_key.size() != envelope::kBatchKeySize) {
    return Error(Reason::kInternal,
                 "batch key has " + std::to_string(batch_key.size()) +
                     " bytes; want " + std::to_string(envelope::kBatchKeySize));
  }
  const EVP_CIPHER* cipher = Aes256Gcm();
  if (cipher == nullptr) return GcmRefused("EVP_CIPHER_fetch");
  CipherContext context(EVP_CIPHER_CTX_new());
  if (context == nullptr) return GcmRefused("EVP_CIPHER_CTX_new");
  if (EVP_CipherInit_ex2(context.get(), cipher, batch_key.Expose().data(),
                         nullptr, static_cast<int>(direction), nullptr) != 1) {
    return GcmRefused("EVP_CipherInit_ex2");
  }
  return context;
}

bool StartGcm(EVP_CIPHER_CTX* context, const GcmNonce& nonce, ByteView aad,
              ByteView more_aad) {
  return EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), -1,
                            nullptr) == 1 &&
         Authenticate(context, aad) && Authenticate(context, more_aad);
}

bool SealGcm(EVP_CIPHER_CTX* context, ByteView secret, uint8_t* sealed) {
  uint8_t* const tag = sealed + secret.size();
  int written = 0;
  return Transform(context, secret, sealed) &&
         EVP_CipherFinal_ex(context, tag, &written) == 1 && written == 0 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG,
                             static_cast<int>(kTagSize), tag) == 1;
}

bool OpenGcm(EVP_CIPHER_CTX* context, ByteView sealed, MutableByteView secret) {
  std::array<uint8_t, kTagSize> tag;
  std::copy_n(sealed.end() - kTagSize, kTagSize, tag.begin());
  int written = 0;
  uint8_t nothing = 0;
  return Transform(context, sealed.first(secret.size()), secret.data()) &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG,
                             static_cast<int>(kTagSize), tag.data()) == 1 &&
         EVP_CipherFinal_ex(context, &nothing, &written) == 1;
}

}  // namespace strongroom::batching
