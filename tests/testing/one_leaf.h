// A single leaf by the ciphers that work on many.
#pragma once

#include "strongroom/batching/leaf_cipher.h"

namespace strongroom::testing {

inline Status SealOneLeaf(const SecretBytes& batch_key, const Uuid& key_id,
                          const Uuid& batch_id, envelope::Purpose purpose,
                          const batching::LeafSalt& salt, uint32_t index,
                          ByteView canonical_context, ByteView secret,
                          Bytes* out) {
  SR_ASSIGN_OR_RETURN(batching::LeafSealer sealer,
                      batching::LeafSealer::Create(batch_key, key_id, batch_id,
                                                   purpose, salt, index));
  return sealer.Seal(canonical_context, secret, out);
}

inline StatusOr<SecretBytes> OpenOneLeaf(const SecretBytes& batch_key,
                                         const Uuid& key_id,
                                         const Uuid& batch_id,
                                         envelope::Purpose wanted_purpose,
                                         const envelope::Leaf& leaf,
                                         ByteView canonical_context) {
  SR_ASSIGN_OR_RETURN(batching::LeafOpener opener,
                      batching::LeafOpener::Create(batch_key, key_id, batch_id,
                                                   wanted_purpose));
  return opener.Open(leaf, canonical_context);
}

}  // namespace strongroom::testing
