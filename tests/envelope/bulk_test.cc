// The bulk envelope's bytes: the committed vectors, and what no writer of ours
// makes.
#include "strongroom/envelope/bulk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strongroom/envelope/body_cipher.h"
#include "tests/envelope/vector_file.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::envelope {
namespace {

using ::strongroom::testing::ForEachVector;
using ::strongroom::testing::HasReason;
using ::strongroom::testing::Vector;

// What a reader does, step by step; the token is "T1:" and the DEK.
StatusOr<Bytes> OpenAll(ByteView bytes, const Bytes& dek) {
  SR_ASSIGN_OR_RETURN(const BulkFixed fixed, ParseBulkFixed(bytes));
  if (bytes.size() < fixed.head_size()) {
    return Error(Reason::kMalformed, "cut off in its head");
  }
  SR_ASSIGN_OR_RETURN(const BulkHead head,
                      ParseBulkHead(bytes.first(fixed.head_size())));
  const auto newest = head.NewestFirst()[0];
  if (!newest) return Error(Reason::kMalformed, "no valid slot");
  EXPECT_EQ(AsText(head.slots[*newest]->token),
            "T1:" + std::string(AsText(dek)));
  SR_ASSIGN_OR_RETURN(const BodyKeys keys,
                      BodyKeys::Derive(SecretBytes::CopyOf(dek), fixed));
  SR_RETURN_IF_ERROR(keys.CheckCommitment(fixed));
  ByteView body = bytes.subspan(fixed.head_size());
  SR_ASSIGN_OR_RETURN(const BodyShape shape,
                      ShapeOfBody(body.size(), fixed.chunk_size()));
  SR_ASSIGN_OR_RETURN(ChunkCipher cipher,
                      ChunkCipher::Create(keys, ChunkCipher::Direction::kOpen));
  Bytes out(shape.plaintext_size);
  size_t done = 0;
  for (uint64_t i = 0; i < shape.chunks; ++i) {
    const bool last = i + 1 == shape.chunks;
    const size_t size =
        last ? shape.last_size : fixed.chunk_size() + kChunkTagSize;
    SR_RETURN_IF_ERROR(
        cipher.Open(i, last, body.first(size), out.data() + done));
    done += size - kChunkTagSize;
    body = body.subspan(size);
  }
  return out;
}

// The same bytes as the independent program wrote.
Bytes SealAgain(ByteView wanted, ByteView plaintext, const Bytes& dek) {
  const BulkFixed given = ParseBulkFixed(wanted).value();
  BulkHead head = ParseBulkHead(wanted.first(given.head_size())).value();
  const BodyKeys keys =
      BodyKeys::Derive(SecretBytes::CopyOf(dek), head.fixed).value();
  head.fixed.commitment = keys.commitment;
  Bytes out = SerializeBulkHead(head);
  ChunkCipher cipher =
      ChunkCipher::Create(keys, ChunkCipher::Direction::kSeal).value();
  uint64_t index = 0;
  do {
    const size_t size = std::min(given.chunk_size(), plaintext.size());
    Bytes sealed(size + kChunkTagSize);
    EXPECT_OK(cipher.Seal(index++, size == plaintext.size(),
                          plaintext.first(size), sealed.data()));
    Append(&out, sealed);
    plaintext = plaintext.subspan(size);
  } while (!plaintext.empty());
  return out;
}

TEST(BulkTest, TheVectorsHoldInBothDirections) {
  ForEachVector("bulk.json", [](Vector& vector) {
    const Bytes dek = vector.Hex("dek");
    const Bytes bytes = vector.Hex("envelope");
    const StatusOr<Bytes> opened = OpenAll(bytes, dek);
    if (vector.Has("refused")) {
      EXPECT_THAT(opened, HasReason(vector.Refusal()));
      return;
    }
    ASSERT_OK(opened);
    const Bytes plaintext = vector.Hex("plaintext");
    EXPECT_TRUE(*opened == plaintext);
    const BulkFixed fixed = ParseBulkFixed(bytes).value();
    const BulkHead head =
        ParseBulkHead(ByteView(bytes).first(fixed.head_size())).value();
    // A torn slot is not written again as it was.
    if (!head.slots[0] && !head.blank[0]) return;
    EXPECT_TRUE(SealAgain(bytes, plaintext, dek) == bytes);
  });
}

TEST(BulkTest, TheNewerSlotComesFirstAndOfEqualOnesSlot0) {
  BulkHead head;
  EXPECT_FALSE(head.NewestFirst()[0].has_value());
  head.slots[1] = {.sequence = 1, .token = {1}};
  EXPECT_EQ(head.NewestFirst()[0], 1u);
  EXPECT_FALSE(head.NewestFirst()[1].has_value());
  head.slots[0] = {.sequence = 1, .token = {2}};
  EXPECT_EQ(head.NewestFirst()[0], 0u);
  head.slots[1]->sequence = 2;
  EXPECT_EQ(head.NewestFirst()[0], 1u);
  EXPECT_EQ(head.NewestFirst()[1], 0u);
}

TEST(BulkTest, ASlotTakesNoMoreThanItHolds) {
  EXPECT_OK(SerializeBulkSlot({.sequence = 1, .token = Bytes(502)}, 512));
  EXPECT_THAT(SerializeBulkSlot({.sequence = 1, .token = Bytes(503)}, 512),
              HasReason(Reason::kInternal));
  EXPECT_THAT(SerializeBulkSlot({.sequence = 0, .token = {}}, 512),
              HasReason(Reason::kInternal));
  EXPECT_THAT(
      SerializeBulkSlot({.sequence = kMaxSequence + 1, .token = {}}, 512),
      HasReason(Reason::kInternal));
  EXPECT_FALSE(FitsSlot(65536, 1 << 16));
}

TEST(BulkTest, TheShapeOfABodyFollowsFromItsSize) {
  const auto shape = [](uint64_t size) { return ShapeOfBody(size, 4096); };
  for (const uint64_t none : {uint64_t{0}, uint64_t{15}, uint64_t{1},
                              uint64_t{4112 + 1}, uint64_t{4112 + 16}}) {
    EXPECT_THAT(shape(none), HasReason(Reason::kMalformed)) << none;
  }
  EXPECT_EQ(shape(16)->plaintext_size, 0u);
  EXPECT_EQ(shape(17)->plaintext_size, 1u);
  EXPECT_EQ(shape(4112)->chunks, 1u);
  EXPECT_EQ(shape(4112 + 17)->chunks, 2u);
  EXPECT_EQ(shape(4112 + 17)->last_size, 17u);
  EXPECT_THAT(shape((kMaxChunks + 1) * 4112), HasReason(Reason::kMalformed));
  EXPECT_THAT(shape(UINT64_MAX), HasReason(Reason::kMalformed));
}

TEST(BulkTest, ABodyBelongsToItsSideFile) {
  BulkFixed fixed;
  fixed.salt.fill(7);
  const Bytes prefix = BodyPrefix(fixed);
  EXPECT_OK(CheckBodyPrefix(prefix, fixed));
  EXPECT_THAT(CheckBodyPrefix(ByteView(prefix).first(39), fixed),
              HasReason(Reason::kMalformed));
  fixed.salt[31] = 8;
  EXPECT_THAT(CheckBodyPrefix(prefix, fixed), HasReason(Reason::kMalformed));
}

TEST(BulkTest, KeysDependOnDekSaltAndEachParameter) {
  const SecretBytes dek = SecretBytes::CopyOf(Bytes(32, 1));
  BulkFixed fixed;
  const auto commitment = BodyKeys::Derive(dek, fixed)->commitment;
  const auto differs = [&](const BulkFixed& other) {
    return BodyKeys::Derive(dek, other)->commitment != commitment;
  };
  BulkFixed other = fixed;
  other.form = BulkForm::kDetached;
  EXPECT_TRUE(differs(other));
  other = fixed;
  other.chunk_log2 = 17;
  EXPECT_TRUE(differs(other));
  other = fixed;
  other.slot_log2 = 13;
  EXPECT_TRUE(differs(other));
  other = fixed;
  other.salt[0] = 1;
  EXPECT_TRUE(differs(other));
  EXPECT_NE(
      BodyKeys::Derive(SecretBytes::CopyOf(Bytes(32, 2)), fixed)->commitment,
      commitment);
  EXPECT_THAT(BodyKeys::Derive(SecretBytes(16), fixed),
              HasReason(Reason::kNotAuthentic));
}

}  // namespace
}  // namespace strongroom::envelope
