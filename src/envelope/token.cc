#include "strongroom/envelope/token.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <string_view>

namespace strongroom::envelope {
namespace {

constexpr std::string_view kMagic = "SR";
constexpr uint8_t kFormatKnownAnswer = 0x00;

// Where the fields of a header stand.
constexpr size_t kFormatAt = 2;
constexpr size_t kSuiteAt = 3;
constexpr size_t kKeyIdAt = 4;
constexpr size_t kKeyVersionAt = 20;
constexpr size_t kBatchIdAt = 24;
constexpr size_t kSealedLenAt = 40;
static_assert(kSealedLenAt + 2 == kHeaderFixedSize);

// Where the fields of a leaf stand.
constexpr size_t kSaltAt = 1;
constexpr size_t kIndexAt = kSaltAt + kSaltSize;
static_assert(kIndexAt + 4 == kLeafFixedSize);

Status Malformed(const std::string& message) {
  return Error(Reason::kMalformed, message);
}

std::string HexByte(uint8_t byte) { return "0x" + ToHex({&byte, 1}); }

Uuid UuidAt(ByteView bytes, size_t offset) {
  std::array<uint8_t, Uuid::kSize> id;
  std::copy_n(bytes.begin() + offset, id.size(), id.begin());
  return Uuid(id);
}

// Says what the bytes are before saying whether they are whole: a format of
// another time may be shorter than ours.
Status CheckKind(ByteView bytes) {
  if (bytes.size() < kMagic.size() ||
      AsText(bytes.first(kMagic.size())) != kMagic) {
    return Malformed(
        "token string does not begin with \"SR\": it was not made by "
        "Strongroom, or is still in a text encoding such as base64");
  }
  if (bytes.size() > kFormatAt && bytes[kFormatAt] != kFormat1) {
    return Error(Reason::kFormatUnknown,
                 "token string has format " + HexByte(bytes[kFormatAt]) +
                     "; want " + HexByte(kFormat1) +
                     ": use the version of Strongroom that made it");
  }
  if (bytes.size() > kSuiteAt && bytes[kSuiteAt] != kSuiteAes256Gcm) {
    return Error(Reason::kFormatUnknown,
                 "token string has suite " + HexByte(bytes[kSuiteAt]) +
                     "; want " + HexByte(kSuiteAes256Gcm) +
                     ": use the version of Strongroom that made it");
  }
  return OkStatus();
}

bool IsSealedSize(size_t size) {
  return size == kSealedSizeIv12 || size == kSealedSizeIv16;
}

// Reads the header that `bytes` begin with.
StatusOr<Header> ParseLeadingHeader(ByteView bytes) {
  SR_RETURN_IF_ERROR(CheckKind(bytes));
  if (bytes.size() < kHeaderFixedSize) {
    return Malformed("header is cut off after " + std::to_string(bytes.size()) +
                     " bytes; want at least " +
                     std::to_string(kHeaderFixedSize));
  }
  const uint32_t version = LoadU32(bytes.data() + kKeyVersionAt);
  if (version == 0 || version > kMaxKeyVersion) {
    return Malformed("header has key version " + std::to_string(version) +
                     "; want 1 to " + std::to_string(kMaxKeyVersion));
  }
  // Exactly two lengths are legal in suite 1, both far below the bound of 2048
  // that the format sets for every suite.
  const size_t sealed_size = LoadU16(bytes.data() + kSealedLenAt);
  if (!IsSealedSize(sealed_size)) {
    return Malformed("header has a sealed batch key of " +
                     std::to_string(sealed_size) + " bytes; want " +
                     std::to_string(kSealedSizeIv12) + " or " +
                     std::to_string(kSealedSizeIv16));
  }
  if (bytes.size() - kHeaderFixedSize < sealed_size) {
    return Malformed("header is cut off after " + std::to_string(bytes.size()) +
                     " bytes; want " +
                     std::to_string(kHeaderFixedSize + sealed_size));
  }
  return Header{UuidAt(bytes, kKeyIdAt), version, UuidAt(bytes, kBatchIdAt),
                ToBytes(bytes.subspan(kHeaderFixedSize, sealed_size))};
}

}  // namespace

StatusOr<Header> ParseHeader(ByteView bytes) {
  SR_ASSIGN_OR_RETURN(Header header, ParseLeadingHeader(bytes));
  const size_t size = kHeaderFixedSize + header.sealed.size();
  if (bytes.size() != size) {
    return Malformed("header has " + std::to_string(bytes.size() - size) +
                     " bytes after its end; want none (is it a whole token "
                     "string?)");
  }
  return header;
}

StatusOr<Leaf> ParseLeaf(ByteView bytes) {
  if (bytes.size() < kLeafOverhead) {
    return Malformed("leaf has " + std::to_string(bytes.size()) +
                     " bytes; want at least " + std::to_string(kLeafOverhead) +
                     ": it was cut off");
  }
  const uint8_t purpose = bytes[0];
  if (purpose != static_cast<uint8_t>(Purpose::kWrappedDek) &&
      purpose != static_cast<uint8_t>(Purpose::kData)) {
    return Malformed("leaf has purpose " + HexByte(purpose) +
                     "; want 0x01 (wrapped DEK) or 0x02 (data)");
  }
  const uint32_t index = LoadU32(bytes.data() + kIndexAt);
  if (index > kMaxIndex) {
    return Malformed("leaf has index " + std::to_string(index) +
                     "; want at most " + std::to_string(kMaxIndex));
  }
  Leaf leaf;
  leaf.purpose = static_cast<Purpose>(purpose);
  const size_t secret_size = bytes.size() - kLeafOverhead;
  const SizeLimits limits = SecretSizeLimits(leaf.purpose);
  if (secret_size < limits.min || secret_size > limits.max) {
    return Malformed(
        "leaf holds " + std::to_string(secret_size) +
        " bytes of ciphertext; want " + std::to_string(limits.min) + " to " +
        std::to_string(limits.max) + " for purpose " + HexByte(purpose) +
        ": it was cut off or has bytes after its end");
  }
  std::copy_n(bytes.begin() + kSaltAt, kSaltSize, leaf.salt.begin());
  leaf.index = index;
  leaf.sealed = ToBytes(bytes.subspan(kLeafFixedSize));
  return leaf;
}

StatusOr<Token> ParseToken(ByteView bytes) {
  Token token;
  SR_ASSIGN_OR_RETURN(token.header, ParseLeadingHeader(bytes));
  token.header_size = kHeaderFixedSize + token.header.sealed.size();
  SR_ASSIGN_OR_RETURN(token.leaf, ParseLeaf(bytes.subspan(token.header_size)));
  return token;
}

Bytes SerializeHeader(const Header& header) {
  assert(IsSealedSize(header.sealed.size()));
  assert(header.key_version >= 1 && header.key_version <= kMaxKeyVersion);
  Bytes out;
  out.reserve(kHeaderFixedSize + header.sealed.size());
  Append(&out, HeaderAad(header.key_id, header.key_version, header.batch_id,
                         header.sealed.size()));
  Append(&out, header.sealed);
  return out;
}

void AppendLeaf(const Leaf& leaf, Bytes* out) {
  assert(leaf.sealed.size() >= kTagSize && leaf.index <= kMaxIndex);
  out->push_back(static_cast<uint8_t>(leaf.purpose));
  Append(out, LeafNonce(leaf.salt, leaf.index));
  Append(out, leaf.sealed);
}

SizeLimits SecretSizeLimits(Purpose purpose) {
  switch (purpose) {
    case Purpose::kWrappedDek:
      return {kMinDekSize, kMaxDekSize};
    case Purpose::kData:
      return {0, kMaxDataSize};
  }
  return {0, 0};
}

std::array<uint8_t, kHeaderFixedSize> HeaderAad(const Uuid& key_id,
                                                uint32_t key_version,
                                                const Uuid& batch_id,
                                                size_t sealed_size) {
  std::array<uint8_t, kHeaderFixedSize> aad;
  std::copy_n(kMagic.begin(), kMagic.size(), aad.begin());
  aad[kFormatAt] = kFormat1;
  aad[kSuiteAt] = kSuiteAes256Gcm;
  std::copy_n(key_id.array().begin(), Uuid::kSize, aad.begin() + kKeyIdAt);
  StoreU32(aad.data() + kKeyVersionAt, key_version);
  std::copy_n(batch_id.array().begin(), Uuid::kSize, aad.begin() + kBatchIdAt);
  StoreU16(aad.data() + kSealedLenAt, static_cast<uint16_t>(sealed_size));
  return aad;
}

Bytes LeafAad(const Uuid& key_id, const Uuid& batch_id, Purpose purpose,
              ByteView canonical_context) {
  Bytes aad;
  aad.reserve(kLeafAadFixedSize + canonical_context.size());
  Append(&aad, AsBytes(kMagic));
  aad.push_back(kFormat1);
  Append(&aad, key_id.bytes());
  Append(&aad, batch_id.bytes());
  aad.push_back(static_cast<uint8_t>(purpose));
  Append(&aad, canonical_context);
  return aad;
}

std::array<uint8_t, 12> LeafNonce(const std::array<uint8_t, kSaltSize>& salt,
                                  uint32_t index) {
  std::array<uint8_t, 12> nonce;
  std::copy(salt.begin(), salt.end(), nonce.begin());
  StoreU32(nonce.data() + kSaltSize, index);
  return nonce;
}

Bytes KnownAnswerAad(const Uuid& key_id, uint32_t key_version) {
  Bytes aad;
  Append(&aad, AsBytes(kMagic));
  aad.push_back(kFormatKnownAnswer);
  Append(&aad, AsBytes("known-answer"));
  Append(&aad, key_id.bytes());
  AppendU32(&aad, key_version);
  return aad;
}

}  // namespace strongroom::envelope
