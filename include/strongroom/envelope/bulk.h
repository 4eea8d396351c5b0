// The bulk envelope's bytes (docs/formats.md, section 2): fixed part, two
// slots, and how a body is made of chunks. Pure; the keys are body_cipher.h's.
//
// Parsers are total and believe no length before it is checked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::envelope {

inline constexpr size_t kBulkSaltSize = 32;
inline constexpr size_t kCommitmentSize = 32;
inline constexpr size_t kBulkDekSize = 32;
inline constexpr size_t kFixedSize = 76;  // without its padding
inline constexpr size_t kChunkTagSize = 16;
inline constexpr size_t kBodyPrefixSize = 8 + kBulkSaltSize;
inline constexpr int kMinChunkLog2 = 12, kMaxChunkLog2 = 24;
inline constexpr int kMinSlotLog2 = 9, kMaxSlotLog2 = 16;
inline constexpr int kDefaultChunkLog2 = 16, kDefaultSlotLog2 = 12;
// Slots of this size or more do not share a disk block: rewrap in place.
inline constexpr int kInPlaceSlotLog2 = 12;
inline constexpr uint32_t kMaxSequence = 0x7fffffff;
inline constexpr uint64_t kMaxChunks = uint64_t{1} << 32;
inline constexpr uint64_t kMaxBulkPlaintext = uint64_t{1} << 48;

enum class BulkForm : uint8_t { kAttached = 0, kDetached = 1 };

struct BulkFixed {
  BulkForm form = BulkForm::kAttached;
  int chunk_log2 = kDefaultChunkLog2;
  int slot_log2 = kDefaultSlotLog2;
  std::array<uint8_t, kBulkSaltSize> salt{};
  std::array<uint8_t, kCommitmentSize> commitment{};

  size_t slot_size() const { return size_t{1} << slot_log2; }
  size_t chunk_size() const { return size_t{1} << chunk_log2; }
  // What stands before the chunks: the fixed part and both slots.
  size_t head_size() const { return 3 * slot_size(); }
  // Start is the 12 bytes that the keys are derived with.
  std::array<uint8_t, 12> Start() const;
  friend bool operator==(const BulkFixed&, const BulkFixed&) = default;
};

struct BulkSlot {
  uint32_t sequence = 0;
  Bytes token;
  friend bool operator==(const BulkSlot&, const BulkSlot&) = default;
};

struct BulkHead {
  BulkFixed fixed;
  // nullopt: not valid (empty, torn or damaged).
  std::array<std::optional<BulkSlot>, 2> slots;
  // All zeros: never written. What is neither this nor valid may be torn, and
  // hold parts of an old token.
  std::array<bool, 2> blank{true, true};

  // NewestFirst gives the numbers of the valid slots in the order in which a
  // reader tries them: the higher sequence first, equal ones slot 0 first.
  std::array<std::optional<size_t>, 2> NewestFirst() const;
};

// ParseBulkFixed takes the first kFixedSize bytes (more are not looked at).
// MALFORMED; FORMAT_UNKNOWN for a later version or form.
StatusOr<BulkFixed> ParseBulkFixed(ByteView bytes);
// ParseBulkHead takes exactly head_size() bytes. MALFORMED, FORMAT_UNKNOWN.
StatusOr<BulkHead> ParseBulkHead(ByteView bytes);
// ParseBulkSlot gives nullopt unless crc, padding and sequence are right.
std::optional<BulkSlot> ParseBulkSlot(ByteView bytes);

Bytes SerializeBulkHead(const BulkHead& head);
// SerializeBulkSlot: INTERNAL if the token does not fit or the sequence is out
// of range. A slot of its own for nullopt is all zeros.
StatusOr<Bytes> SerializeBulkSlot(const BulkSlot& slot, size_t slot_size);
// FitsSlot: has a token of this size room in a slot?
bool FitsSlot(size_t token_size, size_t slot_size);

// The body of a detached envelope begins so.
Bytes BodyPrefix(const BulkFixed& fixed);
// CheckBodyPrefix: MALFORMED if it is no body, or another side file's.
Status CheckBodyPrefix(ByteView bytes, const BulkFixed& fixed);

// BodyShape is how a body of so many bytes is made of chunks.
struct BodyShape {
  uint64_t chunks = 0;
  size_t last_size = 0;  // of the last chunk, tag included
  uint64_t plaintext_size = 0;
};
// MALFORMED if no envelope has a body of this size.
StatusOr<BodyShape> ShapeOfBody(uint64_t body_size, size_t chunk_size);

}  // namespace strongroom::envelope
