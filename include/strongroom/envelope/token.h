// Token strings: header and leaf (docs/formats.md, section 1). Pure bytes: no
// cryptography happens here.
//
//   token  := header leaf
//   header := "SR" format(1) suite(1) key_id(16) key_version(u32)
//             batch_id(16) sealed_len(u16) sealed
//   leaf   := purpose(1) salt(8) index(u32) ciphertext tag(16)
//
// Parsers are total: they check every length before use and refuse trailing
// bytes. Serialize(Parse(b)) == b. Their failures are MALFORMED (structure) and
// FORMAT_UNKNOWN (a format or suite that this build does not have).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "strongroom/base/bytes.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"

namespace strongroom::envelope {

inline constexpr uint8_t kFormat1 = 0x01;
inline constexpr uint8_t kSuiteAes256Gcm = 0x01;
inline constexpr size_t kHeaderFixedSize = 42;  // up to and with sealed_len
inline constexpr size_t kTagSize = 16;
inline constexpr size_t kBatchKeySize = 32;
inline constexpr size_t kSealedSizeIv12 = 12 + kBatchKeySize + kTagSize;  // 60
inline constexpr size_t kSealedSizeIv16 = 16 + kBatchKeySize + kTagSize;  // 64
inline constexpr size_t kSaltSize = 8;
inline constexpr size_t kLeafFixedSize = 1 + kSaltSize + 4;
inline constexpr size_t kLeafOverhead = kLeafFixedSize + kTagSize;
// "SR" format key_id batch_id purpose: what stands before the context.
inline constexpr size_t kLeafAadFixedSize = 3 + 16 + 16 + 1;
inline constexpr uint32_t kMaxIndex = 65535;
inline constexpr uint32_t kMaxKeyVersion = 0x7fffffff;
inline constexpr size_t kMinDekSize = 16;
inline constexpr size_t kMaxDekSize = 64;
inline constexpr size_t kMaxDataSize = 65536;
inline constexpr size_t kMaxHeaderSize = kHeaderFixedSize + kSealedSizeIv16;
inline constexpr size_t kMaxTokenSize =
    kMaxHeaderSize + kLeafOverhead + kMaxDataSize;

enum class Purpose : uint8_t { kWrappedDek = 1, kData = 2 };

// Header is a batch key sealed under a KEK.
struct Header {
  Uuid key_id;
  uint32_t key_version = 0;
  Uuid batch_id;
  Bytes sealed;  // iv ciphertext tag

  friend bool operator==(const Header&, const Header&) = default;
};

// Leaf is one secret sealed under the batch key.
struct Leaf {
  Purpose purpose = Purpose::kWrappedDek;
  std::array<uint8_t, kSaltSize> salt{};
  uint32_t index = 0;
  Bytes sealed;  // ciphertext tag

  friend bool operator==(const Leaf&, const Leaf&) = default;
};

// Token is a parsed wrapped DEK or ciphertext. `header_size` is how many bytes
// of the input the header took.
struct Token {
  Header header;
  Leaf leaf;
  size_t header_size = 0;
};

// Parsers take all of `bytes`.
StatusOr<Header> ParseHeader(ByteView bytes);
StatusOr<Leaf> ParseLeaf(ByteView bytes);
StatusOr<Token> ParseToken(ByteView bytes);

// Serialize writes the form that its parser takes. The value must be well
// formed (sealed of a legal size, version and index in range).
Bytes SerializeHeader(const Header& header);
void AppendLeaf(const Leaf& leaf, Bytes* out);

// SecretSizeLimits gives the least and the most bytes of such a secret.
struct SizeLimits {
  size_t min;
  size_t max;
};
SizeLimits SecretSizeLimits(Purpose purpose);

// HeaderAad gives header[0..42), the AAD of the KEK's seal.
std::array<uint8_t, kHeaderFixedSize> HeaderAad(const Uuid& key_id,
                                                uint32_t key_version,
                                                const Uuid& batch_id,
                                                size_t sealed_size);

// LeafAad gives "SR" 0x01 key_id batch_id purpose context, the AAD of the batch
// key's seal. It has no key version: a rewrap does not change leaves.
Bytes LeafAad(const Uuid& key_id, const Uuid& batch_id, Purpose purpose,
              ByteView canonical_context);

// LeafNonce is salt then index: 12 bytes.
std::array<uint8_t, 12> LeafNonce(const std::array<uint8_t, kSaltSize>& salt,
                                  uint32_t index);

// KnownAnswerAad is "SR" 0x00 "known-answer" key_id key_version. Format 0x00 is
// never a header. The plaintext of a known-answer blob is 16 zero bytes.
Bytes KnownAnswerAad(const Uuid& key_id, uint32_t key_version);
inline constexpr size_t kKnownAnswerSize = 16;

}  // namespace strongroom::envelope
