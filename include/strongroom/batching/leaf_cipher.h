// Leaf sealing: AES-256-GCM under a batch key, by OpenSSL.
//
// LeafSealer and LeafOpener are keyed once and work on many leaves. The
// expanded key lives in the object and is wiped with it.
//
// Thread rule: as a value; an object may move between threads, but one thread
// at a time uses it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "strongroom/base/bytes.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/envelope/token.h"

struct evp_cipher_ctx_st;

namespace strongroom::batching {

// Frees OpenSSL's context, which wipes the expanded key.
struct CipherContextFree {
  void operator()(evp_cipher_ctx_st* context) const;
};
using CipherContext = std::unique_ptr<evp_cipher_ctx_st, CipherContextFree>;

using LeafSalt = std::array<uint8_t, envelope::kSaltSize>;
using LeafAadFixed = std::array<uint8_t, envelope::kLeafAadFixedSize>;

// LeafSealer seals one group of leaves of one batch and purpose. It gives out
// the indices itself, so no nonce can come twice from one sealer.
class LeafSealer {
 public:
  // Create keys a sealer whose first leaf has index `first_index`. The caller
  // draws `salt` for this group alone and, if the batch has other groups, keeps
  // the indices apart. INTERNAL: a batch key that is not 32 bytes, or OpenSSL
  // refuses.
  static StatusOr<LeafSealer> Create(const SecretBytes& batch_key,
                                     const Uuid& key_id, const Uuid& batch_id,
                                     envelope::Purpose purpose,
                                     const LeafSalt& salt,
                                     uint32_t first_index);
  LeafSealer(LeafSealer&&) = default;
  LeafSealer& operator=(LeafSealer&&) = default;

  // Seal appends purpose salt index ciphertext tag to `out` and uses up one
  // index, whatever the outcome; on failure `out` is as it was. INTERNAL: the
  // size is outside the purpose's limits, the indices of the batch are used up,
  // or OpenSSL refuses.
  Status Seal(ByteView canonical_context, ByteView secret, Bytes* out);

  // next_index is the one that the next leaf gets: up to kMaxIndex + 1.
  uint32_t next_index() const { return next_index_; }

 private:
  LeafSealer(CipherContext context, envelope::Purpose purpose,
             const LeafAadFixed& aad, const LeafSalt& salt,
             uint32_t first_index);

  CipherContext context_;
  envelope::Purpose purpose_;
  LeafAadFixed aad_;
  LeafSalt salt_;
  uint32_t next_index_;
};

// LeafOpener opens leaves of one batch that are used for one purpose.
class LeafOpener {
 public:
  // Create: INTERNAL if the batch key is not 32 bytes, or OpenSSL refuses.
  static StatusOr<LeafOpener> Create(const SecretBytes& batch_key,
                                     const Uuid& key_id, const Uuid& batch_id,
                                     envelope::Purpose wanted_purpose);
  LeafOpener(LeafOpener&&) = default;
  LeafOpener& operator=(LeafOpener&&) = default;

  // Open gives the secret. NOT_AUTHENTIC, with one wording for every cause, if
  // the purpose is not the wanted one, or key, context or any bit is not what
  // was sealed. INTERNAL if OpenSSL refuses.
  StatusOr<SecretBytes> Open(const envelope::Leaf& leaf,
                             ByteView canonical_context);

 private:
  LeafOpener(CipherContext context, envelope::Purpose purpose,
             const LeafAadFixed& aad);

  CipherContext context_;
  envelope::Purpose purpose_;
  LeafAadFixed aad_;
};

}  // namespace strongroom::batching
