#include "strongroom/envelope/hkdf.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <memory>

#include "envelope/openssl_refused.h"

namespace strongroom::envelope {
namespace {

// Fetched once and never freed, so that threads still running at exit are safe.
EVP_KDF* Hkdf() {
  static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  return kdf;
}

// OpenSSL's parameters are not const, and it does not write to these. It
// refuses no bytes at no address.
OSSL_PARAM Octets(const char* name, ByteView bytes) {
  static const uint8_t nothing = 0;
  const uint8_t* data = bytes.empty() ? &nothing : bytes.data();
  return OSSL_PARAM_construct_octet_string(name, const_cast<uint8_t*>(data),
                                           bytes.size());
}

}  // namespace

Status HkdfSha256(ByteView key, ByteView salt, ByteView info,
                  MutableByteView out) {
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      EVP_KDF_CTX_new(Hkdf()), &EVP_KDF_CTX_free);
  if (context == nullptr) return OpenSslRefused("HKDF");
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      Octets(OSSL_KDF_PARAM_KEY, key), Octets(OSSL_KDF_PARAM_SALT, salt),
      Octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  if (EVP_KDF_derive(context.get(), out.data(), out.size(), params) != 1) {
    return OpenSslRefused("HKDF");
  }
  return OkStatus();
}

}  // namespace strongroom::envelope
