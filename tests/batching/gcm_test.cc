// The cipher of the leaves against NIST's vectors
// (tests/vectors/published/nist_gcm.json says which).
#include "batching/gcm.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/envelope/vector_file.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::batching {
namespace {

using testing::ForEachVector;
using testing::HasReason;
using testing::IsOk;
using testing::Vector;

struct Case {
  explicit Case(Vector& v)
      : key(SecretBytes::CopyOf(v.Hex("key"))),
        aad(v.Hex("aad")),
        sealed(v.Hex("sealed")) {
    const Bytes iv = v.Hex("iv");
    EXPECT_EQ(iv.size(), nonce.size());
    std::copy_n(iv.begin(), std::min(iv.size(), nonce.size()), nonce.begin());
  }

  // Open gives false if the tag is refused. The aad goes in as two pieces.
  bool Open(size_t split, Bytes* secret) const {
    auto context = KeyedGcm(key, GcmDirection::kOpen);
    EXPECT_THAT(context, IsOk());
    secret->assign(sealed.size() - envelope::kTagSize, 0);
    return StartGcm(context->get(), nonce, ByteView(aad).first(split),
                    ByteView(aad).subspan(split)) &&
           OpenGcm(context->get(), sealed, *secret);
  }

  Bytes Seal(size_t split, ByteView secret) const {
    auto context = KeyedGcm(key, GcmDirection::kSeal);
    EXPECT_THAT(context, IsOk());
    Bytes out(secret.size() + envelope::kTagSize);
    EXPECT_TRUE(StartGcm(context->get(), nonce, ByteView(aad).first(split),
                         ByteView(aad).subspan(split)) &&
                SealGcm(context->get(), secret, out.data()));
    return out;
  }

  const SecretBytes key;
  const Bytes aad, sealed;
  GcmNonce nonce{};
};

TEST(Gcm, SealsAndOpensAsNistSaysAndRefusesWhatNistRefuses) {
  int opened = 0, refused = 0;
  ForEachVector("published/nist_gcm.json", [&](Vector& v) {
    const Case test(v);
    Bytes secret;
    for (size_t split : {size_t{0}, test.aad.size() / 2, test.aad.size()}) {
      if (!v.Has("plaintext")) {
        EXPECT_FALSE(test.Open(split, &secret));
        ++refused;
        continue;
      }
      const Bytes plaintext = v.Hex("plaintext");
      EXPECT_TRUE(test.Open(split, &secret));
      EXPECT_EQ(ToHex(secret), ToHex(plaintext));
      EXPECT_EQ(ToHex(test.Seal(split, plaintext)), ToHex(test.sealed));
      ++opened;
    }
  });
  EXPECT_EQ(opened, 3 * 245);
  EXPECT_EQ(refused, 3 * 125);
}

TEST(Gcm, AnyBitOfTagAndCiphertextThatIsChangedIsRefused) {
  ForEachVector("published/nist_gcm.json", [&](Vector& v) {
    Case test(v);
    if (!v.Has("plaintext")) return;
    (void)v.Hex("plaintext");
    Bytes changed = test.sealed;
    for (size_t at : {size_t{0}, changed.size() - 1}) {
      changed[at] ^= 1;
      auto context = KeyedGcm(test.key, GcmDirection::kOpen);
      ASSERT_THAT(context, IsOk());
      Bytes secret(changed.size() - envelope::kTagSize);
      ASSERT_TRUE(StartGcm(context->get(), test.nonce, test.aad, {}));
      EXPECT_FALSE(OpenGcm(context->get(), changed, secret));
      changed[at] ^= 1;
    }
  });
}

TEST(Gcm, AKeyOfAnotherSizeIsRefused) {
  for (size_t size : {0, 16, 24, 31, 33}) {
    EXPECT_THAT(
        KeyedGcm(SecretBytes::CopyOf(Bytes(size, 1)), GcmDirection::kSeal),
        HasReason(Reason::kInternal));
  }
}

}  // namespace
}  // namespace strongroom::batching
