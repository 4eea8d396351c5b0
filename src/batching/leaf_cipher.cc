#include "strongroom/batching/leaf_cipher.h"

#include <openssl/err.h>

#include <algorithm>
#include <string>
#include <utility>

#include "batching/gcm.h"

namespace strongroom::batching {
namespace {

using envelope::kTagSize;
using envelope::Purpose;

// One wording for every cause: which of them it was is nobody's business.
Status NotAuthentic() {
  ERR_clear_error();
  return Error(Reason::kNotAuthentic,
               "leaf does not open; want the key, the encryption context and "
               "the operation it was sealed with, and no byte changed");
}

LeafAadFixed FixedAad(const Uuid& key_id, const Uuid& batch_id,
                      Purpose purpose) {
  const Bytes aad = envelope::LeafAad(key_id, batch_id, purpose, {});
  LeafAadFixed fixed;
  std::copy_n(aad.begin(), fixed.size(), fixed.begin());
  return fixed;
}

}  // namespace

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
                      KeyedGcm(batch_key, GcmDirection::kSeal));
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
  if (!StartGcm(context_.get(), nonce, aad_, canonical_context) ||
      !SealGcm(context_.get(), secret, leaf + envelope::kLeafFixedSize)) {
    out->resize(before);
    return GcmRefused("to seal a leaf");
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
                      KeyedGcm(batch_key, GcmDirection::kOpen));
  return LeafOpener(std::move(context), wanted_purpose,
                    FixedAad(key_id, batch_id, wanted_purpose));
}

StatusOr<SecretBytes> LeafOpener::Open(const envelope::Leaf& leaf,
                                       ByteView canonical_context) {
  if (leaf.purpose != purpose_ || leaf.sealed.size() < kTagSize) {
    return NotAuthentic();
  }
  const auto nonce = envelope::LeafNonce(leaf.salt, leaf.index);
  if (!StartGcm(context_.get(), nonce, aad_, canonical_context)) {
    return GcmRefused("to open a leaf");
  }
  SecretBytes secret(leaf.sealed.size() - kTagSize);
  if (!OpenGcm(context_.get(), leaf.sealed, secret.ExposeMutable())) {
    return NotAuthentic();
  }
  return secret;
}

}  // namespace strongroom::batching
