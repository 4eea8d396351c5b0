// The keys of one bulk envelope and its chunks: HKDF-SHA-256 and AES-256-GCM by
// OpenSSL (docs/formats.md, section 2).
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "strongroom/base/bytes.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/envelope/bulk.h"

struct evp_cipher_ctx_st;

namespace strongroom::envelope {

// BodyKeys are derived from a DEK. Immutable: any thread may read them.
struct BodyKeys {
  SecretBytes body;
  std::array<uint8_t, kCommitmentSize> commitment{};

  // Derive takes form, sizes and salt from `fixed`, not its commitment.
  // NOT_AUTHENTIC for a DEK that is not 32 bytes; INTERNAL if OpenSSL refuses.
  static StatusOr<BodyKeys> Derive(const SecretBytes& dek,
                                   const BulkFixed& fixed);
  // CheckCommitment is OK if these are the envelope's keys, else NOT_AUTHENTIC.
  // Call it before a chunk is opened: AES-GCM does not commit to its key.
  Status CheckCommitment(const BulkFixed& fixed) const;
};

// ChunkCipher seals and opens chunks of one envelope. Thread rule: one thread
// at a time; each thread makes its own.
class ChunkCipher {
 public:
  enum class Direction { kSeal, kOpen };
  // INTERNAL if OpenSSL refuses.
  static StatusOr<ChunkCipher> Create(const BodyKeys& keys,
                                      Direction direction);

  // Seal writes plaintext.size() + 16 bytes to `out`. `index` and `last` make
  // the nonce: the caller gives each pair once under the keys.
  Status Seal(uint64_t index, bool last, ByteView plaintext, uint8_t* out);
  // Open writes sealed.size() - 16 bytes to `out`. NOT_AUTHENTIC, naming the
  // chunk, if it does not open: then the bytes mean nothing.
  Status Open(uint64_t index, bool last, ByteView sealed, uint8_t* out);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  using Context = std::unique_ptr<evp_cipher_ctx_st, Free>;
  explicit ChunkCipher(Context context) : context_(std::move(context)) {}

  Context context_;
};

}  // namespace strongroom::envelope
