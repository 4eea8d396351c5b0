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
  // Bytes before the chunks: the fixed part and both slots.
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
  // True for a slot of zeros, which was never written. A slot that is neither
  // blank nor valid may be torn and hold parts of an old token.
  std::array<bool, 2> blank{true, true};

  // NewestFirst gives the valid slots in the order for a reader: the higher
  // sequence first, and slot 0 first if both are equal.
  std::array<std::optional<size_t>, 2> NewestFirst() const;
};

// ParseBulkFixed reads the first kFixedSize bytes and ignores the others.
// MALFORMED; FORMAT_UNKNOWN for a later version or form.
StatusOr<BulkFixed> ParseBulkFixed(ByteView bytes);
// ParseBulkHead takes exactly head_size() bytes. MALFORMED, FORMAT_UNKNOWN.
StatusOr<BulkHead> ParseBulkHead(ByteView bytes);
// ParseBulkSlot gives nullopt unless crc, padding and sequence are right.
std::optional<BulkSlot> ParseBulkSlot(ByteView bytes);

Bytes SerializeBulkHead(const BulkHead& head);
// SerializeBulkSlot gives the slot's bytes, padded to `slot_size`. INTERNAL if
// the token does not fit or the sequence is out of range.
StatusOr<Bytes> SerializeBulkSlot(const BulkSlot& slot, size_t slot_size);
// FitsSlot is true if a token of this size has room in a slot.
bool FitsSlot(size_t token_size, size_t slot_size);

// BodyPrefix gives the bytes that begin the body of a detached envelope.
Bytes BodyPrefix(const BulkFixed& fixed);
// CheckBodyPrefix is MALFORMED for no body, and for another side file's.
Status CheckBodyPrefix(ByteView bytes, const BulkFixed& fixed);

// BodyShape is how a body of so many bytes is made of chunks.
struct BodyShape {
  uint64_t chunks = 0;
  size_t last_size = 0;  // of the last chunk, tag included
  uint64_t plaintext_size = 0;
};
// ShapeOfBody: MALFORMED if no envelope has a body of this size.
StatusOr<BodyShape> ShapeOfBody(uint64_t body_size, size_t chunk_size);

}  // namespace strongroom::envelope
