// Of a wrapped DEK every bit flipped and every cut is refused.
#include <gtest/gtest.h>

#include <set>

#include "strongroom/envelope/token.h"
#include "tests/service/rig.h"

namespace strongroom::service {
namespace {

using ::strongroom::testing::Describe;
using ::strongroom::testing::HasReason;

// app has no right on keys that nobody knows, root has.
class TamperTest : public ::testing::TestWithParam<const char*> {
 protected:
  TamperTest() {
    rig_.MakeKey("demo/app");
    token_ = rig_.Wrapped("demo/app");
  }
  Status Unwrap(const Bytes& token) {
    auto result =
        rig_.Open(Rig::CallAs(GetParam(), ops::kUnwrap), Rig::OpenOf({token}));
    if (!result.ok()) return result.status();
    EXPECT_TRUE(result->items[0].secret == Dek());
    return OkStatus();
  }
  static SecretBytes Dek() { return SecretBytes::CopyOf(AsBytes(Rig::kDek)); }

  // What a flipped bit of this byte may be called.
  std::set<Reason> Allowed(size_t byte) const {
    if (byte < 2) return {Reason::kMalformed};      // "SR"
    if (byte < 4) return {Reason::kFormatUnknown};  // suite
    if (byte < 20) {                                // key_id
      return {std::string(GetParam()) == "root" ? Reason::kKeyNotFound
                                                : Reason::kPermissionDenied};
    }
    if (byte < 24) {  // key_version: 1 becomes 0, or is negative
      return {Reason::kVersionNotFound, Reason::kMalformed};
    }
    if (byte < 40) return {Reason::kNotAuthentic};  // batch_id
    if (byte < 42) return {Reason::kMalformed};     // sealed_len
    size_t leaf = 42 + 60;
    if (byte < leaf) return {Reason::kNotAuthentic};
    if (byte == leaf)
      return {Reason::kMalformed};  // purpose: no other by 1 bit
    if (byte < leaf + 9) return {Reason::kNotAuthentic};  // salt
    if (byte < leaf + 11) return {Reason::kMalformed};    // index over 65535
    return {Reason::kNotAuthentic};
  }

  Rig rig_;
  Bytes token_;
};

INSTANTIATE_TEST_SUITE_P(By, TamperTest, ::testing::Values("app", "root"),
                         [](const auto& instance) { return instance.param; });

TEST_P(TamperTest, TheUntouchedTokenOpens) { EXPECT_OK(Unwrap(token_)); }

TEST_P(TamperTest, EveryFlippedBitIsRefused) {
  for (size_t byte = 0; byte < token_.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes flipped = token_;
      flipped[byte] ^= static_cast<uint8_t>(1 << bit);
      Status status = Unwrap(flipped);
      ASSERT_FALSE(status.ok()) << "byte " << byte << " bit " << bit;
      EXPECT_TRUE(Allowed(byte).count(ReasonOf(status)))
          << "byte " << byte << " bit " << bit << ": " << Describe(status);
    }
  }
}

TEST_P(TamperTest, EveryCutIsMalformed) {
  for (size_t size = 0; size < token_.size(); ++size) {
    Bytes cut(token_.begin(), token_.begin() + static_cast<ptrdiff_t>(size));
    Status status = Unwrap(cut);
    ASSERT_FALSE(status.ok()) << size;
    // A leaf cut within its ciphertext is whole to a parser until the DEK
    // would be shorter than any; then only the tag tells.
    bool by_tag = size >= 42 + 60 + envelope::kLeafOverhead + 16;
    EXPECT_EQ(ReasonOf(status),
              by_tag ? Reason::kNotAuthentic : Reason::kMalformed)
        << size << ": " << Describe(status);
  }
}

TEST_P(TamperTest, EveryExtensionIsRefused) {
  Bytes longer = token_;
  for (int i = 0; i < 64; ++i) {
    longer.push_back(0);
    Status status = Unwrap(longer);
    ASSERT_FALSE(status.ok());
    EXPECT_TRUE(ReasonOf(status) == Reason::kNotAuthentic ||
                ReasonOf(status) == Reason::kMalformed)
        << Describe(status);
  }
}

TEST_P(TamperTest, AllWaysToBeWrongCryptographicallyAreOneError) {
  std::set<std::string> texts;
  for (size_t byte : {24, 41 + 1, 42 + 59, 42 + 61, 42 + 60 + 13, 160}) {
    Bytes flipped = token_;
    flipped[byte] ^= 1;
    Status status = Unwrap(flipped);
    EXPECT_THAT(status, HasReason(Reason::kNotAuthentic)) << byte;
    texts.insert(status.ToString());
  }
  // The wrong context, and the wrong purpose.
  auto context =
      rig_.Open(Rig::CallAs(GetParam(), ops::kUnwrap),
                Rig::OpenOf({token_}, "", Context{{"object", "other"}}));
  texts.insert(context.status().ToString());
  auto purpose =
      rig_.Open(Rig::CallAs(GetParam(), ops::kDecrypt), Rig::OpenOf({token_}));
  texts.insert(purpose.status().ToString());
  EXPECT_EQ(texts.size(), 1u) << *texts.begin() << "\n" << *texts.rbegin();
}

TEST_P(TamperTest, HeadersAndLeavesOfDifferentTokensDoNotJoin) {
  Bytes other = rig_.Wrapped("demo/app");
  Bytes spliced(token_.begin(), token_.begin() + 102);
  spliced.insert(spliced.end(), other.begin() + 102, other.end());
  EXPECT_THAT(Unwrap(spliced), HasReason(Reason::kNotAuthentic));
}

TEST_P(TamperTest, ATokenDoesNotOpenUnderAnotherKey) {
  rig_.MakeKey("demo/two");
  Bytes other = rig_.Wrapped("demo/two");
  Bytes moved = token_;
  std::copy(other.begin() + 4, other.begin() + 20, moved.begin() + 4);
  EXPECT_THAT(Unwrap(moved), HasReason(Reason::kNotAuthentic));
}

TEST_P(TamperTest, ATokenDoesNotOpenUnderAnotherVersion) {
  rig_.Rotate("demo/app");
  Bytes moved = token_;
  moved[23] = 2;
  EXPECT_THAT(Unwrap(moved), HasReason(Reason::kNotAuthentic));
  EXPECT_OK(Unwrap(token_));
}

}  // namespace
}  // namespace strongroom::service
