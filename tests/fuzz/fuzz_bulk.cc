// The head of a bulk envelope and the opening of its chunks.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "strongroom/envelope/body_cipher.h"
#include "strongroom/envelope/bulk.h"
#include "tests/fuzz/check.h"

using strongroom::Bytes;
using strongroom::ByteView;
using strongroom::Reason;
using strongroom::SecretBytes;
using strongroom::fuzz::Require;
using strongroom::fuzz::RequireRefusal;
namespace envelope = strongroom::envelope;

namespace {

void OpenChunks(const envelope::BulkFixed& fixed, ByteView body) {
  const auto shape = envelope::ShapeOfBody(body.size(), fixed.chunk_size());
  if (!shape.ok()) return RequireRefusal(shape.status(), Reason::kMalformed);
  Require(shape->plaintext_size + shape->chunks * envelope::kChunkTagSize ==
              body.size(),
          "the chunks are the whole body");
  static const SecretBytes dek(envelope::kBulkDekSize);
  const auto keys = envelope::BodyKeys::Derive(dek, fixed);
  Require(keys.ok(), "any salt gives keys");
  auto cipher = envelope::ChunkCipher::Create(
      *keys, envelope::ChunkCipher::Direction::kOpen);
  Require(cipher.ok(), "any key makes a cipher");
  const size_t full = fixed.chunk_size() + envelope::kChunkTagSize;
  Bytes out(full);
  const bool last = shape->chunks == 1;
  const auto opened = cipher->Open(
      0, last, body.first(last ? shape->last_size : full), out.data());
  if (!opened.ok()) RequireRefusal(opened, Reason::kNotAuthentic);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const auto fixed = envelope::ParseBulkFixed(bytes);
  if (!fixed.ok()) {
    RequireRefusal(fixed.status(), Reason::kMalformed, Reason::kFormatUnknown);
    return 0;
  }
  if (size < fixed->head_size()) {
    RequireRefusal(envelope::ParseBulkHead(bytes).status(), Reason::kMalformed);
    return 0;
  }
  const auto head = envelope::ParseBulkHead(bytes.first(fixed->head_size()));
  if (!head.ok()) {
    RequireRefusal(head.status(), Reason::kMalformed);
    return 0;
  }
  const Bytes again = envelope::SerializeBulkHead(*head);
  for (size_t slot = 0; slot < 2; ++slot) {
    if (!head->slots[slot] && !head->blank[slot]) continue;
    const size_t at = (slot + 1) * fixed->slot_size();
    Require(std::equal(again.begin() + static_cast<std::ptrdiff_t>(at),
                       again.begin() +
                           static_cast<std::ptrdiff_t>(at + fixed->slot_size()),
                       data + at),
            "Serialize(Parse(b)) == b for every valid slot");
  }
  OpenChunks(*fixed, bytes.subspan(fixed->head_size()));
  return 0;
}
