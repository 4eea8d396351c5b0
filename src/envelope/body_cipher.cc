#include "strongroom/envelope/body_cipher.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <string>
#include <string_view>

#include "envelope/openssl_refused.h"
#include "strongroom/envelope/hkdf.h"

namespace strongroom::envelope {
namespace {

Status NotAuthentic(const std::string& what) {
  ERR_clear_error();
  return Error(Reason::kNotAuthentic, what);
}

// Fetched once and never freed, so that threads still running at exit are safe.
const EVP_CIPHER* Aes256Gcm() {
  static const EVP_CIPHER* const cipher =
      EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

Status Derive(const SecretBytes& dek, const BulkFixed& fixed,
              std::string_view what, MutableByteView out) {
  std::string info = "strongroom envelope v1 " + std::string(what);
  info += AsText(fixed.Start());
  return HkdfSha256(dek.Expose(), fixed.salt, AsBytes(info), out);
}

std::array<uint8_t, 12> Nonce(uint64_t index, bool last) {
  std::array<uint8_t, 12> nonce{};
  StoreU32(nonce.data(), static_cast<uint32_t>(index >> 32));
  StoreU32(nonce.data() + 4, static_cast<uint32_t>(index));
  nonce[11] = last ? 1 : 0;
  return nonce;
}

}  // namespace

StatusOr<BodyKeys> BodyKeys::Derive(const SecretBytes& dek,
                                    const BulkFixed& fixed) {
  if (dek.size() != kBulkDekSize) {
    return NotAuthentic("the envelope does not open with this DEK");
  }
  BodyKeys keys;
  keys.body = SecretBytes(32);
  SR_RETURN_IF_ERROR(
      envelope::Derive(dek, fixed, "body", keys.body.ExposeMutable()));
  SR_RETURN_IF_ERROR(
      envelope::Derive(dek, fixed, "commitment", keys.commitment));
  return keys;
}

Status BodyKeys::CheckCommitment(const BulkFixed& fixed) const {
  if (EqualConstantTime(commitment, fixed.commitment)) return OkStatus();
  return NotAuthentic(
      "the envelope does not open with this DEK: it was changed, or its token "
      "is another envelope's");
}

void ChunkCipher::Free::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);  // wipes the expanded key
}

StatusOr<ChunkCipher> ChunkCipher::Create(const BodyKeys& keys,
                                          Direction direction) {
  Context context(EVP_CIPHER_CTX_new());
  if (context == nullptr || Aes256Gcm() == nullptr ||
      EVP_CipherInit_ex2(context.get(), Aes256Gcm(), keys.body.Expose().data(),
                         nullptr, direction == Direction::kSeal ? 1 : 0,
                         nullptr) != 1) {
    return OpenSslRefused("AES-256-GCM");
  }
  return ChunkCipher(std::move(context));
}

Status ChunkCipher::Seal(uint64_t index, bool last, ByteView plaintext,
                         uint8_t* out) {
  const auto nonce = Nonce(index, last);
  int size = 0;
  uint8_t none[1];
  if (EVP_EncryptInit_ex2(context_.get(), nullptr, nullptr, nonce.data(),
                          nullptr) != 1 ||
      EVP_EncryptUpdate(context_.get(), out, &size, plaintext.data(),
                        static_cast<int>(plaintext.size())) != 1 ||
      EVP_EncryptFinal_ex(context_.get(), none, &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kChunkTagSize,
                          out + plaintext.size()) != 1) {
    return OpenSslRefused("AES-256-GCM");
  }
  return OkStatus();
}

Status ChunkCipher::Open(uint64_t index, bool last, ByteView sealed,
                         uint8_t* out) {
  const auto nonce = Nonce(index, last);
  if (sealed.size() < kChunkTagSize) {
    return NotAuthentic("chunk " + std::to_string(index) + " is cut off");
  }
  const size_t plain = sealed.size() - kChunkTagSize;
  std::array<uint8_t, kChunkTagSize> tag;
  std::copy_n(sealed.data() + plain, tag.size(), tag.begin());
  int size = 0;
  uint8_t none[1];
  if (EVP_DecryptInit_ex2(context_.get(), nullptr, nullptr, nonce.data(),
                          nullptr) != 1 ||
      EVP_DecryptUpdate(context_.get(), out, &size, sealed.data(),
                        static_cast<int>(plain)) != 1 ||
      EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, tag.size(),
                          tag.data()) != 1) {
    return OpenSslRefused("AES-256-GCM");
  }
  if (EVP_DecryptFinal_ex(context_.get(), none, &size) != 1) {
    return NotAuthentic("chunk " + std::to_string(index) +
                        " of the envelope does not open at its place: the "
                        "envelope was changed, cut or extended");
  }
  return OkStatus();
}

}  // namespace strongroom::envelope
