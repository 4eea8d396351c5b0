#include "tests/testing/fake_gcm.h"

#include <openssl/evp.h>

#include <memory>

#include "strongroom/base/random.h"

namespace strongroom::testing {
namespace {

constexpr size_t kTagSize = 16;

struct ContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const {
    EVP_CIPHER_CTX_free(context);
  }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, ContextDeleter>;

}  // namespace

Bytes SealWith(const SecretBytes& key, size_t iv_size, ByteView aad,
               ByteView secret) {
  Bytes out(iv_size + secret.size() + kTagSize);
  FillRandom({out.data(), iv_size});
  Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, nullptr,
                     nullptr);
  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN,
                      static_cast<int>(iv_size), nullptr);
  EVP_EncryptInit_ex(context.get(), nullptr, nullptr, key.Expose().data(),
                     out.data());
  EVP_EncryptUpdate(context.get(), nullptr, &size, aad.data(),
                    static_cast<int>(aad.size()));
  EVP_EncryptUpdate(context.get(), out.data() + iv_size, &size, secret.data(),
                    static_cast<int>(secret.size()));
  EVP_EncryptFinal_ex(context.get(), out.data() + iv_size + secret.size(),
                      &size);
  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize,
                      out.data() + iv_size + secret.size());
  return out;
}

std::optional<SecretBytes> OpenWith(const SecretBytes& key, size_t iv_size,
                                    ByteView aad, ByteView sealed) {
  if (sealed.size() < iv_size + kTagSize) return std::nullopt;
  const size_t size = sealed.size() - iv_size - kTagSize;
  SecretBytes out(size);
  Bytes tag = ToBytes(sealed.subspan(iv_size + size));
  Context context(EVP_CIPHER_CTX_new());
  int written = 0;
  EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, nullptr,
                     nullptr);
  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN,
                      static_cast<int>(iv_size), nullptr);
  EVP_DecryptInit_ex(context.get(), nullptr, nullptr, key.Expose().data(),
                     sealed.data());
  EVP_DecryptUpdate(context.get(), nullptr, &written, aad.data(),
                    static_cast<int>(aad.size()));
  EVP_DecryptUpdate(context.get(), out.ExposeMutable().data(), &written,
                    sealed.data() + iv_size, static_cast<int>(size));
  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize,
                      tag.data());
  uint8_t end[kTagSize];
  if (EVP_DecryptFinal_ex(context.get(), end, &written) != 1) {
    return std::nullopt;
  }
  return out;
}

}  // namespace strongroom::testing
