#include "strongroom/batching/leaf_cipher.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <string>
#include <utility>

namespace strongroom::batching {
namespace {

using envelope::kTagSize;
using envelope::Purpose;

// A failed call leaves entries in the thread's error queue; they are dropped,
// lest a TLS call on this thread takes them for its own.
Status OpenSslRefused(const char* call) {
  ERR_clear_error();
  return Error(Reason::kInternal, std::string("OpenSSL refused ") + call +
                                      " for AES-256-GCM; want success: check "
                                      "the OpenSSL installation");
}

// One wording for every cause: which of them it was is nobody's business.
Status NotAuthentic() {
  ERR_clear_error();
  return Error(Reason::kNotAuthentic,
               "leaf does not open; want the key, the encryption context and "
               "the operation it was sealed with, and no byte changed");
}

// Fetched once: a fetch takes locks and costs more than sealing a leaf. Never
// freed, so that threads still running at exit are safe.
const EVP_CIPHER* Aes256Gcm() {
  static const EVP_CIPHER* const cipher =
      EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

enum class Direction : int { kOpen = 0, kSeal = 1 };

StatusOr<CipherContext> KeyedContext(const SecretBytes& batch_key,
                                     Direction direction) {
  if (batch_key.size() != envelope::kBatchKeySize) {
    return Error(Reason::kInternal,
                 "batch key has " + std::to_string(batch_key.size()) +
                     " bytes; want " + std::to_string(envelope::kBatchKeySize));
  }
  const EVP_CIPHER* cipher = Aes256Gcm();
  if (cipher == nullptr) return OpenSslRefused("EVP_CIPHER_fetch");
  CipherContext context(EVP_CIPHER_CTX_new());
  if (context == nullptr) return OpenSslRefused("EVP_CIPHER_CTX_new");
  if (EVP_CipherInit_ex2(context.get(), cipher, batch_key.Expose().data(),
                         nullptr, static_cast<int>(direction), nullptr) != 1) {
    return OpenSslRefused("EVP_CipherInit_ex2");
  }
  return context;
}

LeafAadFixed FixedAad(const Uuid& key_id, const Uuid& batch_id,
                      Purpose purpose) {
  const Bytes aad = envelope::LeafAad(key_id, batch_id, purpose, {});
  LeafAadFixed fixed;
  std::copy_n(aad.begin(), fixed.size(), fixed.begin());
  return fixed;
}

// Starts one leaf: nonce, then what is authenticated. AES-GCM takes the aad in
// pieces, so the context is not copied behind the fixed part.
bool Start(EVP_CIPHER_CTX* context, const std::array<uint8_t, 12>& nonce,
           const LeafAadFixed& fixed, ByteView canonical_context) {
  int written = 0;
  if (EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), -1,
                         nullptr) != 1 ||
      EVP_CipherUpdate(context, nullptr, &written, fixed.data(),
                       static_cast<int>(fixed.size())) != 1) {
    return false;
  }
  return canonical_context.empty() ||
         EVP_CipherUpdate(context, nullptr, &written, canonical_context.data(),
                          static_cast<int>(canonical_context.size())) == 1;
}

bool Transform(EVP_CIPHER_CTX* context, ByteView in, uint8_t* out) {
  int written = 0;
  return in.empty() || (EVP_CipherUpdate(context, out, &written, in.data(),
                                         static_cast<int>(in.size())) == 1 &&
                        static_cast<size_t>(written) == in.size());
}

bool SealBytes(EVP_CIPHER_CTX* context, ByteView secret, uint8_t* sealed) {
  uint8_t* const tag = sealed + secret.size();
  int written = 0;
  return Transform(context, secret, sealed) &&
         EVP_CipherFinal_ex(context, tag, &written) == 1 && written == 0 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG,
                             static_cast<int>(kTagSize), tag) == 1;
}

// Gives false for a wrong tag: `secret` then holds bytes that the caller wipes.
bool OpenBytes(EVP_CIPHER_CTX* context, ByteView sealed,
               MutableByteView secret) {
  std::array<uint8_t, kTagSize> tag;
  std::copy_n(sealed.end() - kTagSize, kTagSize, tag.begin());
  int written = 0;
  uint8_t nothing = 0;
  return Transform(context, sealed.first(secret.size()), secret.data()) &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG,
                             static_cast<int>(kTagSize), tag.data()) == 1 &&
         EVP_CipherFinal_ex(context, &nothing, &written) == 1;
}

}  // namespace

void CipherContextFree::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}

LeafSealer::LeafSealer(CipherContext context, Purpose purpose,
                       const LeafAadFixed& aad, const LeafSalt& salt,
                       uint32_t first_index)
    : context_(std::move(context)),
      purpose_(purpose),
      aad_(aad),
      salt_(salt),
      next_index_(first_index) {}

StatusOr<LeafSealer> LeafSealer::Create(const SecretBytes& batch_key,
                                        const Uuid& key_id,
                                        const Uuid& batch_id, Purpose purpose,
                                        const LeafSalt& salt,
                                        uint32_t first_index) {
  SR_ASSIGN_OR_RETURN(CipherContext context,
                      KeyedContext(batch_key, Direction::kSeal));
  return LeafSealer(std::move(context), purpose,
                    FixedAad(key_id, batch_id, purpose), salt, first_index);
}

Status LeafSealer::Seal(ByteView canonical_context, ByteView secret,
                        Bytes* out) {
  const envelope::SizeLimits limits = envelope::SecretSizeLimits(purpose_);
  if (next_index_ > envelope::kMaxIndex) {
    return Error(Reason::kInternal,
                 "batch has used up its indices; want at most " +
                     std::to_string(envelope::kMaxIndex + 1) + " leaves");
  }
  // Taken before anything can fail: an index is never given out again, even if
  // its leaf is thrown away, so (salt, index) cannot repeat under this key.
  const auto nonce = envelope::LeafNonce(salt_, next_index_++);
  if (secret.size() < limits.min || secret.size() > limits.max) {
    return Error(Reason::kInternal,
                 "secret to seal has " + std::to_string(secret.size()) +
                     " bytes; want " + std::to_string(limits.min) + " to " +
                     std::to_string(limits.max));
  }
  const size_t before = out->size();
  out->resize(before + envelope::kLeafOverhead + secret.size());
  uint8_t* const leaf = out->data() + before;
  leaf[0] = static_cast<uint8_t>(purpose_);
  std::copy(nonce.begin(), nonce.end(), leaf + 1);
  if (!Start(context_.get(), nonce, aad_, canonical_context) ||
      !SealBytes(context_.get(), secret, leaf + envelope::kLeafFixedSize)) {
    out->resize(before);
    return OpenSslRefused("to seal a leaf");
  }
  return OkStatus();
}

LeafOpener::LeafOpener(CipherContext context, Purpose purpose,
                       const LeafAadFixed& aad)
    : context_(std::move(context)), purpose_(purpose), aad_(aad) {}

StatusOr<LeafOpener> LeafOpener::Create(const SecretBytes& batch_key,
                                        const Uuid& key_id,
                                        const Uuid& batch_id,
                                        Purpose wanted_purpose) {
  SR_ASSIGN_OR_RETURN(CipherContext context,
                      KeyedContext(batch_key, Direction::kOpen));
  return LeafOpener(std::move(context), wanted_purpose,
                    FixedAad(key_id, batch_id, wanted_purpose));
}

StatusOr<SecretBytes> LeafOpener::Open(const envelope::Leaf& leaf,
                                       ByteView canonical_context) {
  if (leaf.purpose != purpose_ || leaf.sealed.size() < kTagSize) {
    return NotAuthentic();
  }
  const auto nonce = envelope::LeafNonce(leaf.salt, leaf.index);
  if (!Start(context_.get(), nonce, aad_, canonical_context)) {
    return OpenSslRefused("to open a leaf");
  }
  SecretBytes secret(leaf.sealed.size() - kTagSize);
  if (!OpenBytes(context_.get(), leaf.sealed, secret.ExposeMutable())) {
    return NotAuthentic();
  }
  return secret;
}

Status SealLeaf(const SecretBytes& batch_key, const Uuid& key_id,
                const Uuid& batch_id, Purpose purpose,
                const std::array<uint8_t, envelope::kSaltSize>& salt,
                uint32_t index, ByteView canonical_context, ByteView secret,
                Bytes* out) {
  SR_ASSIGN_OR_RETURN(
      LeafSealer sealer,
      LeafSealer::Create(batch_key, key_id, batch_id, purpose, salt, index));
  return sealer.Seal(canonical_context, secret, out);
}

StatusOr<SecretBytes> OpenLeaf(const SecretBytes& batch_key, const Uuid& key_id,
                               const Uuid& batch_id, Purpose wanted_purpose,
                               const envelope::Leaf& leaf,
                               ByteView canonical_context) {
  SR_ASSIGN_OR_RETURN(
      LeafOpener opener,
      LeafOpener::Create(batch_key, key_id, batch_id, wanted_purpose));
  return opener.Open(leaf, canonical_context);
}

}  // namespace strongroom::batching
