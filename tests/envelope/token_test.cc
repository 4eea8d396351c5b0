#include "strongroom/envelope/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/testing/status_matchers.h"

namespace strongroom::envelope {
namespace {

using ::testing::AllOf;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;

Uuid IdOf(uint8_t first) {
  std::array<uint8_t, Uuid::kSize> id;
  for (size_t i = 0; i < id.size(); ++i)
    id[i] = static_cast<uint8_t>(first + i);
  return Uuid(id);
}

Bytes Counting(size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

Header SomeHeader(size_t sealed_size = kSealedSizeIv12) {
  return {IdOf(0x10), 3, IdOf(0x40), Counting(sealed_size)};
}

Leaf SomeLeaf(Purpose purpose = Purpose::kWrappedDek, size_t secret_size = 32) {
  return {
      purpose, {9, 8, 7, 6, 5, 4, 3, 2}, 258, Counting(secret_size + kTagSize)};
}

Bytes LeafBytes(const Leaf& leaf) {
  Bytes out;
  AppendLeaf(leaf, &out);
  return out;
}

Bytes TokenBytes(const Header& header, const Leaf& leaf) {
  Bytes out = SerializeHeader(header);
  AppendLeaf(leaf, &out);
  return out;
}

TEST(TokenString, SizesAreTheDocumentedOnes) {
  EXPECT_EQ(SerializeHeader(SomeHeader()).size(), 102u);
  EXPECT_EQ(TokenBytes(SomeHeader(), SomeLeaf()).size(), 163u);
  EXPECT_EQ(TokenBytes(SomeHeader(), SomeLeaf(Purpose::kData, 0)).size(), 131u);
  EXPECT_EQ(TokenBytes(SomeHeader(kSealedSizeIv16),
                       SomeLeaf(Purpose::kData, kMaxDataSize))
                .size(),
            kMaxTokenSize);
}

TEST(TokenString, WhatIsSerialisedParsesToTheSame) {
  for (const size_t sealed_size : {kSealedSizeIv12, kSealedSizeIv16}) {
    const Header header = SomeHeader(sealed_size);
    EXPECT_THAT(ParseHeader(SerializeHeader(header)), IsOkAndHolds(header));
    const auto token = ParseToken(TokenBytes(header, SomeLeaf()));
    ASSERT_THAT(token, IsOk());
    EXPECT_EQ(token->header, header);
    EXPECT_EQ(token->leaf, SomeLeaf());
    EXPECT_EQ(token->header_size, 42 + sealed_size);
  }
}

TEST(TokenString, EveryTruncationOfAHeaderIsMalformed) {
  const Bytes whole = SerializeHeader(SomeHeader());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(ParseHeader(ByteView(whole).first(size)),
                HasReason(Reason::kMalformed))
        << size;
  }
}

TEST(TokenString, EveryTruncationOfALeafBelowTheSmallestDekIsMalformed) {
  const Bytes whole = LeafBytes(SomeLeaf(Purpose::kWrappedDek, kMinDekSize));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(ParseLeaf(ByteView(whole).first(size)),
                HasReason(Reason::kMalformed))
        << size;
  }
}

TEST(TokenString, BytesAfterAHeaderAreRefused) {
  Bytes bytes = SerializeHeader(SomeHeader());
  bytes.push_back(0);
  EXPECT_THAT(
      ParseHeader(bytes),
      HasReason(Reason::kMalformed, HasSubstr("1 bytes after its end")));
}

TEST(TokenString, ATokenStringIsNotAHeader) {
  EXPECT_THAT(ParseHeader(TokenBytes(SomeHeader(), SomeLeaf())),
              HasReason(Reason::kMalformed, HasSubstr("whole token string")));
}

TEST(TokenString, AHeaderAloneIsNotATokenString) {
  EXPECT_THAT(ParseToken(SerializeHeader(SomeHeader())),
              HasReason(Reason::kMalformed, HasSubstr("leaf has 0 bytes")));
}

TEST(TokenString, EveryKeyVersionOutsideTheRangeIsRefused) {
  Bytes bytes = SerializeHeader(SomeHeader());
  for (const uint32_t version : {0u, 0x80000000u, 0xffffffffu}) {
    StoreU32(bytes.data() + 20, version);
    EXPECT_THAT(ParseHeader(bytes),
                HasReason(Reason::kMalformed,
                          HasSubstr("key version " + std::to_string(version))));
  }
  for (const uint32_t version : {1u, kMaxKeyVersion}) {
    StoreU32(bytes.data() + 20, version);
    EXPECT_THAT(ParseHeader(bytes), IsOk());
  }
}

TEST(TokenString, EverySealedLengthButTwoIsRefusedHoweverManyBytesFollow) {
  Bytes bytes = SerializeHeader(SomeHeader());
  bytes.resize(kHeaderFixedSize + 65535);
  for (uint32_t length = 0; length <= 65535; ++length) {
    if (length == kSealedSizeIv12 || length == kSealedSizeIv16) continue;
    StoreU16(bytes.data() + 40, static_cast<uint16_t>(length));
    const auto parsed =
        ParseHeader(ByteView(bytes).first(kHeaderFixedSize + length));
    ASSERT_THAT(parsed, HasReason(Reason::kMalformed)) << length;
  }
}

TEST(TokenString, EveryFormatAndSuiteButOneIsUnknown) {
  const Bytes whole = TokenBytes(SomeHeader(), SomeLeaf());
  for (const size_t offset : {2, 3}) {
    for (int value = 0; value < 256; ++value) {
      if (value == 1) continue;
      Bytes bytes = whole;
      bytes[offset] = static_cast<uint8_t>(value);
      EXPECT_THAT(ParseToken(bytes), HasReason(Reason::kFormatUnknown));
      EXPECT_THAT(ParseHeader(ByteView(bytes).first(offset + 1)),
                  HasReason(Reason::kFormatUnknown));
    }
  }
}

TEST(TokenString, TextInsteadOfBytesIsToldSo) {
  const Bytes whole = TokenBytes(SomeHeader(), SomeLeaf());
  EXPECT_THAT(ParseToken(AsBytes(ToBase64(whole))),
              HasReason(Reason::kMalformed, HasSubstr("base64")));
}

TEST(TokenString, EveryPurposeButTwoIsRefused) {
  Bytes bytes = LeafBytes(SomeLeaf());
  for (int value = 0; value < 256; ++value) {
    bytes[0] = static_cast<uint8_t>(value);
    if (value == 1 || value == 2) {
      EXPECT_THAT(ParseLeaf(bytes), IsOk());
    } else {
      EXPECT_THAT(ParseLeaf(bytes), HasReason(Reason::kMalformed));
    }
  }
}

TEST(TokenString, AnIndexAboveTheHighestIsRefused) {
  Leaf leaf = SomeLeaf();
  leaf.index = kMaxIndex;
  Bytes bytes = LeafBytes(leaf);
  EXPECT_THAT(ParseLeaf(bytes), IsOkAndHolds(leaf));
  for (const uint32_t index : {65536u, 0x01000000u, 0xffffffffu}) {
    StoreU32(bytes.data() + 9, index);
    EXPECT_THAT(ParseLeaf(bytes),
                HasReason(Reason::kMalformed, HasSubstr("at most 65535")));
  }
}

TEST(TokenString, SecretsOfEverySizeOutsideTheLimitsAreRefused) {
  for (size_t size = 0; size <= 100; ++size) {
    const auto leaf =
        ParseLeaf(LeafBytes(SomeLeaf(Purpose::kWrappedDek, size)));
    if (size >= 16 && size <= 64) {
      EXPECT_THAT(leaf, IsOk()) << size;
    } else {
      EXPECT_THAT(leaf, HasReason(Reason::kMalformed)) << size;
    }
  }
  EXPECT_THAT(ParseLeaf(LeafBytes(SomeLeaf(Purpose::kData, 65536))), IsOk());
  EXPECT_THAT(ParseLeaf(LeafBytes(SomeLeaf(Purpose::kData, 65537))),
              HasReason(Reason::kMalformed,
                        AllOf(HasSubstr("65537 bytes"), HasSubstr("65536"))));
}

TEST(TokenString, WhateverParsesSerialisesToTheSameBytes) {
  std::mt19937 random(1);
  const Bytes whole = TokenBytes(SomeHeader(), SomeLeaf());
  int parsed_count = 0;
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes = whole;
    bytes.resize(bytes.size() + random() % 4);
    bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    const auto token = ParseToken(bytes);
    if (!token.ok()) continue;
    ++parsed_count;
    EXPECT_EQ(TokenBytes(token->header, token->leaf), bytes);
  }
  EXPECT_GT(parsed_count, 10000);
}

TEST(TokenString, TheHeadersAadIsItsFirst42Bytes) {
  for (const size_t sealed_size : {kSealedSizeIv12, kSealedSizeIv16}) {
    const Header header = SomeHeader(sealed_size);
    const Bytes bytes = SerializeHeader(header);
    const auto aad = HeaderAad(header.key_id, header.key_version,
                               header.batch_id, sealed_size);
    EXPECT_TRUE(std::equal(aad.begin(), aad.end(), bytes.begin()));
  }
}

TEST(TokenString, TheNonceIsTheLeafsOwnSaltAndIndex) {
  const Leaf leaf = SomeLeaf();
  const Bytes bytes = LeafBytes(leaf);
  EXPECT_EQ(ToHex(LeafNonce(leaf.salt, leaf.index)),
            ToHex(ByteView(bytes).subspan(1, 12)));
}

TEST(TokenString, NoAadOfOneUseIsTheAadOfAnother) {
  const Uuid key = IdOf(0x10), batch = IdOf(0x40);
  const auto header = HeaderAad(key, 1, batch, kSealedSizeIv12);
  const Bytes dek = LeafAad(key, batch, Purpose::kWrappedDek, {});
  const Bytes data = LeafAad(key, batch, Purpose::kData, {});
  const Bytes known = KnownAnswerAad(key, 1);
  EXPECT_NE(dek, data);
  EXPECT_NE(dek.size(), header.size());
  EXPECT_EQ(dek.size(), kLeafAadFixedSize);
  EXPECT_EQ(known[2], 0x00);
  EXPECT_EQ(header[2], kFormat1);
  EXPECT_THAT(ParseHeader(known), HasReason(Reason::kFormatUnknown));
}

TEST(TokenString, AppendLeafKeepsWhatIsThere) {
  Bytes out = {1, 2, 3};
  AppendLeaf(SomeLeaf(), &out);
  EXPECT_EQ(ToHex(ByteView(out).first(3)), "010203");
  EXPECT_THAT(ParseLeaf(ByteView(out).subspan(3)), IsOkAndHolds(SomeLeaf()));
}

}  // namespace
}  // namespace strongroom::envelope
