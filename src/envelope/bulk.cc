#include "strongroom/envelope/bulk.h"

#include <zlib.h>

#include <algorithm>
#include <string>

namespace strongroom::envelope {
namespace {

constexpr std::string_view kMagic = "SRENVLP1";
constexpr std::string_view kBodyMagic = "SRBODYV1";
constexpr size_t kSlotHead = 6;  // sequence, token_len
constexpr size_t kCrcSize = 4;

bool AllZero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](uint8_t b) { return b == 0; });
}

uint32_t Crc(ByteView bytes) {
  return static_cast<uint32_t>(
      crc32_z(crc32_z(0, nullptr, 0), bytes.data(), bytes.size()));
}

Status Malformed(const std::string& what) {
  return Error(Reason::kMalformed, what);
}

}  // namespace

std::array<uint8_t, 12> BulkFixed::Start() const {
  std::array<uint8_t, 12> start{};
  std::ranges::copy(AsBytes(kMagic), start.begin());
  start[8] = static_cast<uint8_t>(form);
  start[9] = static_cast<uint8_t>(chunk_log2);
  start[10] = static_cast<uint8_t>(slot_log2);
  return start;
}

std::array<std::optional<size_t>, 2> BulkHead::NewestFirst() const {
  if (slots[0] && slots[1]) {
    if (slots[1]->sequence > slots[0]->sequence) return {1, 0};
    return {0, 1};
  }
  if (slots[0]) return {0, std::nullopt};
  if (slots[1]) return {1, std::nullopt};
  return {};
}

StatusOr<BulkFixed> ParseBulkFixed(ByteView bytes) {
  const std::string_view magic = AsText(bytes).substr(0, kMagic.size());
  if (magic.substr(0, 7) != kMagic.substr(0, 7)) {
    return Malformed("not an envelope: it does not start with SRENVLP1");
  }
  if (bytes.size() < kFixedSize) {
    return Malformed("the envelope is cut off: it has " +
                     std::to_string(bytes.size()) + " bytes; want at least " +
                     std::to_string(kFixedSize));
  }
  if (magic != kMagic) {
    return Error(Reason::kFormatUnknown,
                 "the envelope is of a later version; want SRENVLP1: use a "
                 "newer program");
  }
  if (bytes[8] > 1) {
    return Error(Reason::kFormatUnknown,
                 "envelope form " + std::to_string(bytes[8]) +
                     " is unknown; want 0 (attached) or 1 (detached)");
  }
  BulkFixed fixed;
  fixed.form = static_cast<BulkForm>(bytes[8]);
  fixed.chunk_log2 = bytes[9];
  fixed.slot_log2 = bytes[10];
  if (fixed.chunk_log2 < kMinChunkLog2 || fixed.chunk_log2 > kMaxChunkLog2 ||
      fixed.slot_log2 < kMinSlotLog2 || fixed.slot_log2 > kMaxSlotLog2 ||
      bytes[11] != 0) {
    return Malformed("the envelope says chunk_log2 " +
                     std::to_string(fixed.chunk_log2) + ", slot_len_log2 " +
                     std::to_string(fixed.slot_log2) + ", reserved " +
                     std::to_string(bytes[11]) + "; want 12..24, 9..16, 0");
  }
  std::ranges::copy(bytes.subspan(12, kBulkSaltSize), fixed.salt.begin());
  std::ranges::copy(bytes.subspan(12 + kBulkSaltSize, kCommitmentSize),
                    fixed.commitment.begin());
  return fixed;
}

std::optional<BulkSlot> ParseBulkSlot(ByteView bytes) {
  if (bytes.size() < kSlotHead + kCrcSize) return std::nullopt;
  const ByteView covered = bytes.first(bytes.size() - kCrcSize);
  BulkSlot slot;
  slot.sequence = LoadU32(bytes.data());
  const size_t size = LoadU16(bytes.data() + 4);
  if (slot.sequence < 1 || slot.sequence > kMaxSequence ||
      size > covered.size() - kSlotHead ||
      !AllZero(covered.subspan(kSlotHead + size)) ||
      Crc(covered) != LoadU32(bytes.data() + covered.size())) {
    return std::nullopt;
  }
  slot.token = ToBytes(covered.subspan(kSlotHead, size));
  return slot;
}

StatusOr<BulkHead> ParseBulkHead(ByteView bytes) {
  BulkHead head;
  SR_ASSIGN_OR_RETURN(head.fixed, ParseBulkFixed(bytes));
  if (bytes.size() != head.fixed.head_size()) {
    return Malformed("the head of the envelope has " +
                     std::to_string(bytes.size()) + " bytes; want " +
                     std::to_string(head.fixed.head_size()));
  }
  const size_t size = head.fixed.slot_size();
  if (!AllZero(bytes.subspan(kFixedSize, size - kFixedSize))) {
    return Malformed("the padding of the envelope's fixed part is not zero");
  }
  for (size_t i = 0; i < head.slots.size(); ++i) {
    const ByteView slot = bytes.subspan((i + 1) * size, size);
    head.slots[i] = ParseBulkSlot(slot);
    head.blank[i] = AllZero(slot);
  }
  return head;
}

bool FitsSlot(size_t token_size, size_t slot_size) {
  return token_size <= slot_size - kSlotHead - kCrcSize && token_size <= 0xffff;
}

StatusOr<Bytes> SerializeBulkSlot(const BulkSlot& slot, size_t slot_size) {
  if (!FitsSlot(slot.token.size(), slot_size) || slot.sequence < 1 ||
      slot.sequence > kMaxSequence) {
    return Error(Reason::kInternal,
                 "a token of " + std::to_string(slot.token.size()) +
                     " bytes with sequence " + std::to_string(slot.sequence) +
                     " does not fit into a slot of " +
                     std::to_string(slot_size));
  }
  Bytes out;
  out.reserve(slot_size);
  AppendU32(&out, slot.sequence);
  AppendU16(&out, static_cast<uint16_t>(slot.token.size()));
  Append(&out, slot.token);
  out.resize(slot_size - kCrcSize);
  AppendU32(&out, Crc(out));
  return out;
}

Bytes SerializeBulkHead(const BulkHead& head) {
  const size_t size = head.fixed.slot_size();
  Bytes out = ToBytes(head.fixed.Start());
  Append(&out, head.fixed.salt);
  Append(&out, head.fixed.commitment);
  out.resize(size);
  for (size_t i = 0; i < head.slots.size(); ++i) {
    if (head.slots[i]) {
      StatusOr<Bytes> slot = SerializeBulkSlot(*head.slots[i], size);
      // What was parsed, or checked with FitsSlot, fits.
      if (slot.ok()) Append(&out, *slot);
    }
    out.resize((i + 2) * size);
  }
  return out;
}

Bytes BodyPrefix(const BulkFixed& fixed) {
  Bytes out = ToBytes(AsBytes(kBodyMagic));
  Append(&out, fixed.salt);
  return out;
}

Status CheckBodyPrefix(ByteView bytes, const BulkFixed& fixed) {
  if (bytes.size() < kBodyPrefixSize ||
      AsText(bytes.first(kBodyMagic.size())) != kBodyMagic) {
    return Malformed(
        "not the body of a detached envelope: it does not start with SRBODYV1");
  }
  if (!std::ranges::equal(bytes.subspan(kBodyMagic.size(), kBulkSaltSize),
                          fixed.salt)) {
    return Malformed(
        "the side file is another body's; want the one that was written with "
        "this body");
  }
  return OkStatus();
}

StatusOr<BodyShape> ShapeOfBody(uint64_t body_size, size_t chunk_size) {
  const uint64_t full = chunk_size + kChunkTagSize;
  if (body_size == 0) return Malformed("the envelope has no chunk");
  BodyShape shape;
  shape.chunks = (body_size - 1) / full + 1;
  shape.last_size = static_cast<size_t>((body_size - 1) % full + 1);
  if (shape.last_size <= kChunkTagSize && body_size != kChunkTagSize) {
    return Malformed("the last chunk of the envelope has " +
                     std::to_string(shape.last_size) +
                     " bytes; want 17 or more: the envelope was cut");
  }
  shape.plaintext_size = body_size - shape.chunks * kChunkTagSize;
  if (shape.chunks > kMaxChunks || shape.plaintext_size > kMaxBulkPlaintext) {
    return Malformed("the envelope is larger than the format allows");
  }
  return shape;
}

}  // namespace strongroom::envelope
