// The committed vectors, written by an independent program in another language
// (tests/vectors/generate.py), in both directions.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/base/secret_bytes.h"
#include "strongroom/batching/leaf_cipher.h"
#include "strongroom/envelope/context.h"
#include "strongroom/envelope/token.h"
#include "tests/envelope/reference_gcm.h"
#include "tests/envelope/vector_file.h"
#include "tests/testing/one_leaf.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::envelope {
namespace {

using batching::LeafSalt;
using testing::ForEachVector;
using testing::GcmOpen;
using testing::GcmSeal;
using testing::HasReason;
using testing::IsOk;
using testing::OpenIvAndSealed;
using testing::OpenOneLeaf;
using testing::SealOneLeaf;
using testing::Vector;

using OwnedPairs = std::vector<std::pair<std::string, std::string>>;

ContextPairs ViewsOf(const OwnedPairs& pairs) {
  return ContextPairs(pairs.begin(), pairs.end());
}

Bytes Concatenated(ByteView a, ByteView b) {
  Bytes out = ToBytes(a);
  Append(&out, b);
  return out;
}

LeafSalt SaltOf(Vector& vector) {
  const Bytes bytes = vector.Hex("salt");
  EXPECT_EQ(bytes.size(), kSaltSize);
  LeafSalt salt{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), kSaltSize), salt.begin());
  return salt;
}

Purpose PurposeOf(Vector& vector) {
  return static_cast<Purpose>(vector.Number("purpose"));
}

SecretBytes SecretOf(ByteView bytes) { return SecretBytes::CopyOf(bytes); }

Bytes Reserialized(const Token& token) {
  Bytes out = SerializeHeader(token.header);
  AppendLeaf(token.leaf, &out);
  return out;
}

// What a device does: opens the batch key, authenticating header[0..42).
std::optional<Bytes> OpenHeader(ByteView kek, const Header& header) {
  return OpenIvAndSealed(kek, header.sealed, kBatchKeySize,
                         HeaderAad(header.key_id, header.key_version,
                                   header.batch_id, header.sealed.size()));
}

// The whole way from a token's bytes to its secret.
StatusOr<SecretBytes> OpenToken(ByteView kek, const Token& token,
                                Purpose purpose, ByteView context) {
  const auto batch_key = OpenHeader(kek, token.header);
  if (!batch_key) return Error(Reason::kNotAuthentic, "header");
  return OpenOneLeaf(SecretOf(*batch_key), token.header.key_id,
                     token.header.batch_id, purpose, token.leaf, context);
}

void ExpectSecret(const StatusOr<SecretBytes>& opened, ByteView secret) {
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(ToHex(opened->Expose()), ToHex(secret));
}

TEST(VectorFile, NamesTheFieldsThatNobodyAskedFor) {
  Vector vector({{"name", "n"}, {"key", "00"}, {"extra", 1}});
  EXPECT_EQ(vector.Hex("key"), Bytes({0}));
  EXPECT_EQ(vector.Unused(), std::vector<std::string>({"extra", "name"}));
}

TEST(Vectors, AesGcmOfTheSecondOpinionIsTheStandards) {
  ForEachVector("aes_gcm.json", [](Vector& v) {
    const Bytes key = v.Hex("key"), iv = v.Hex("iv"), aad = v.Hex("aad");
    const Bytes plaintext = v.Hex("plaintext"), sealed = v.Hex("sealed");
    EXPECT_EQ(GcmSeal(key, iv, plaintext, aad), sealed);
    EXPECT_EQ(GcmOpen(key, iv, sealed, aad), plaintext);
  });
}

void CheckRefusedContext(Vector& v) {
  const Reason reason = v.Refusal();
  if (v.Has("pairs")) {
    const OwnedPairs pairs = v.Pairs();
    EXPECT_THAT(CanonicalContext(ViewsOf(pairs)), HasReason(reason));
  } else {
    EXPECT_THAT(ParseContext(v.Hex("canonical")), HasReason(reason));
  }
}

TEST(Vectors, ContextsAreTheSameBytesBothWays) {
  ForEachVector("context.json", [](Vector& v) {
    if (v.Has("refused")) return CheckRefusedContext(v);
    OwnedPairs pairs = v.Pairs();
    const Bytes canonical = v.Hex("canonical");
    const auto written = CanonicalContext(ViewsOf(pairs));
    ASSERT_THAT(written, IsOk());
    EXPECT_EQ(ToHex(*written), ToHex(canonical));
    const auto read = ParseContext(canonical);
    ASSERT_THAT(read, IsOk());
    std::sort(pairs.begin(), pairs.end());
    EXPECT_EQ(*read, pairs);
  });
}

void CheckRefusedHeader(Vector& v) {
  const Reason reason = v.Refusal();
  const auto header = ParseHeader(v.Hex("header"));
  if (reason != Reason::kNotAuthentic) {
    EXPECT_THAT(header, HasReason(reason));
    return;
  }
  ASSERT_THAT(header, IsOk());
  EXPECT_EQ(OpenHeader(v.Hex("kek"), *header), std::nullopt);
}

TEST(Vectors, HeadersAreTheSameBytesBothWays) {
  ForEachVector("header.json", [](Vector& v) {
    if (v.Has("refused")) return CheckRefusedHeader(v);
    const Bytes kek = v.Hex("kek"), iv = v.Hex("iv");
    const Bytes batch_key = v.Hex("batch_key"), aad = v.Hex("aad");
    const Bytes bytes = v.Hex("header"), sealed = v.Hex("sealed");
    const Header header{v.Id("key_id"), v.Number("key_version"),
                        v.Id("batch_id"), sealed};
    const auto our_aad = HeaderAad(header.key_id, header.key_version,
                                   header.batch_id, sealed.size());
    EXPECT_EQ(ToHex(our_aad), ToHex(aad));
    EXPECT_EQ(Concatenated(iv, GcmSeal(kek, iv, batch_key, our_aad)), sealed);
    EXPECT_EQ(ToHex(SerializeHeader(header)), ToHex(bytes));
    const auto parsed = ParseHeader(bytes);
    ASSERT_THAT(parsed, IsOk());
    EXPECT_EQ(*parsed, header);
    EXPECT_EQ(OpenHeader(kek, *parsed), batch_key);
  });
}

void CheckRefusedLeaf(Vector& v) {
  const Reason reason = v.Refusal();
  const auto leaf = ParseLeaf(v.Hex("leaf"));
  if (reason != Reason::kNotAuthentic) {
    EXPECT_THAT(leaf, HasReason(reason));
    return;
  }
  ASSERT_THAT(leaf, IsOk());
  EXPECT_THAT(
      OpenOneLeaf(SecretOf(v.Hex("batch_key")), v.Id("key_id"),
                  v.Id("batch_id"), PurposeOf(v), *leaf, v.Hex("context")),
      HasReason(reason));
}

Bytes Sha256(ByteView bytes) {
  Bytes digest(32);
  unsigned size = 0;
  EXPECT_EQ(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size,
                       EVP_sha256(), nullptr),
            1);
  return digest;
}

TEST(Vectors, LeavesAreTheSameBytesBothWays) {
  ForEachVector("leaf.json", [](Vector& v) {
    if (v.Has("refused")) return CheckRefusedLeaf(v);
    const SecretBytes batch_key = SecretOf(v.Hex("batch_key"));
    const Uuid key_id = v.Id("key_id"), batch_id = v.Id("batch_id");
    const Purpose purpose = PurposeOf(v);
    const LeafSalt salt = SaltOf(v);
    const uint32_t index = v.Number("index");
    const Bytes context = v.Hex("context");
    const Bytes secret = v.Has("secret_zeros") ? Bytes(v.Number("secret_zeros"))
                                               : v.Hex("secret");
    EXPECT_EQ(ToHex(LeafNonce(salt, index)), v.Text("nonce"));
    EXPECT_EQ(ToHex(LeafAad(key_id, batch_id, purpose, context)),
              v.Text("aad"));

    Bytes bytes;
    ASSERT_THAT(SealOneLeaf(batch_key, key_id, batch_id, purpose, salt, index,
                            context, secret, &bytes),
                IsOk());
    if (v.Has("leaf_sha256")) {
      EXPECT_EQ(Sha256(bytes), v.Hex("leaf_sha256"));
    } else {
      EXPECT_EQ(ToHex(bytes), v.Text("leaf"));
    }
    const auto leaf = ParseLeaf(bytes);
    ASSERT_THAT(leaf, IsOk());
    const Leaf wanted{purpose, salt, index,
                      ToBytes(ByteView(bytes).subspan(kLeafFixedSize))};
    EXPECT_EQ(*leaf, wanted);
    ExpectSecret(
        OpenOneLeaf(batch_key, key_id, batch_id, purpose, *leaf, context),
        secret);
  });
}

void CheckRefusedToken(Vector& v) {
  const Reason reason = v.Refusal();
  const auto token = ParseToken(v.Hex("token"));
  if (reason != Reason::kNotAuthentic) {
    EXPECT_THAT(token, HasReason(reason));
    return;
  }
  ASSERT_THAT(token, IsOk());
  const OwnedPairs pairs = v.Pairs();
  const auto context = CanonicalContext(ViewsOf(pairs));
  ASSERT_THAT(context, IsOk());
  EXPECT_THAT(OpenToken(v.Hex("kek"), *token, PurposeOf(v), *context),
              HasReason(reason));
}

TEST(Vectors, TokensAreTheSameBytesBothWays) {
  ForEachVector("token.json", [](Vector& v) {
    if (v.Has("refused")) return CheckRefusedToken(v);
    const Bytes kek = v.Hex("kek"), iv = v.Hex("iv");
    const Bytes batch_key = v.Hex("batch_key"), secret = v.Hex("secret");
    const Uuid key_id = v.Id("key_id"), batch_id = v.Id("batch_id");
    const uint32_t version = v.Number("key_version"), index = v.Number("index");
    const Purpose purpose = PurposeOf(v);
    const LeafSalt salt = SaltOf(v);
    const OwnedPairs pairs = v.Pairs();
    const auto context = CanonicalContext(ViewsOf(pairs));
    ASSERT_THAT(context, IsOk());

    const auto aad = HeaderAad(key_id, version, batch_id,
                               iv.size() + kBatchKeySize + kTagSize);
    Bytes sealed = iv;
    Append(&sealed, GcmSeal(kek, iv, batch_key, aad));
    Bytes made = SerializeHeader({key_id, version, batch_id, sealed});
    ASSERT_THAT(SealOneLeaf(SecretOf(batch_key), key_id, batch_id, purpose,
                            salt, index, *context, secret, &made),
                IsOk());
    EXPECT_EQ(ToHex(made), v.Text("token"));

    const auto token = ParseToken(made);
    ASSERT_THAT(token, IsOk());
    EXPECT_EQ(token->header_size, v.Number("header_size"));
    EXPECT_EQ(Reserialized(*token), made);
    ExpectSecret(OpenToken(kek, *token, purpose, *context), secret);
  });
}

TEST(Vectors, KnownAnswersAreTheSameBytesBothWays) {
  ForEachVector("known_answer.json", [](Vector& v) {
    const Bytes kek = v.Hex("kek"), sealed = v.Hex("sealed");
    const Bytes aad = KnownAnswerAad(v.Id("key_id"), v.Number("key_version"));
    const auto opened = OpenIvAndSealed(kek, sealed, kKnownAnswerSize, aad);
    if (v.Has("refused")) {
      EXPECT_EQ(v.Refusal(), Reason::kNotAuthentic);
      EXPECT_EQ(opened, std::nullopt);
      return;
    }
    const Bytes iv = v.Hex("iv"), plaintext = v.Hex("plaintext");
    EXPECT_EQ(ToHex(aad), v.Text("aad"));
    EXPECT_EQ(plaintext, Bytes(kKnownAnswerSize));
    EXPECT_EQ(Concatenated(iv, GcmSeal(kek, iv, plaintext, aad)), sealed);
    EXPECT_EQ(opened, plaintext);
  });
}

TEST(Vectors, RewrapChangesVersionAndSealAndNothingElse) {
  ForEachVector("rewrap.json", [](Vector& v) {
    const Bytes before_bytes = v.Hex("token_before");
    const auto before = ParseToken(before_bytes);
    ASSERT_THAT(before, IsOk());
    EXPECT_EQ(before->header.key_version, v.Number("old_version"));
    const auto batch_key = OpenHeader(v.Hex("old_kek"), before->header);
    ASSERT_EQ(batch_key, v.Hex("batch_key"));

    const Bytes new_kek = v.Hex("new_kek"), iv = v.Hex("new_iv");
    Header header = before->header;
    header.key_version = v.Number("new_version");
    const auto aad =
        HeaderAad(header.key_id, header.key_version, header.batch_id,
                  iv.size() + kBatchKeySize + kTagSize);
    header.sealed = Concatenated(iv, GcmSeal(new_kek, iv, *batch_key, aad));
    const Bytes header_after = SerializeHeader(header);
    EXPECT_EQ(ToHex(header_after), v.Text("header_after"));
    EXPECT_EQ(OpenHeader(v.Hex("old_kek"), header), std::nullopt);

    const ByteView leaf = ByteView(before_bytes).subspan(before->header_size);
    EXPECT_EQ(ToHex(leaf), v.Text("leaf"));
    const Bytes token_after = Concatenated(header_after, leaf);
    EXPECT_EQ(ToHex(token_after), v.Text("token_after"));
    const auto after = ParseToken(token_after);
    ASSERT_THAT(after, IsOk());
    EXPECT_EQ(after->leaf, before->leaf);
    const OwnedPairs pairs = v.Pairs();
    const auto context = CanonicalContext(ViewsOf(pairs));
    ASSERT_THAT(context, IsOk());
    ExpectSecret(OpenToken(new_kek, *after, PurposeOf(v), *context),
                 v.Hex("secret"));
  });
}

}  // namespace
}  // namespace strongroom::envelope
