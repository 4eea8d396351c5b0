#include "strongroom/batching/leaf_cipher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "strongroom/envelope/context.h"
#include "tests/envelope/reference_gcm.h"
#include "tests/testing/one_leaf.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::batching {
namespace {

using envelope::Leaf;
using envelope::ParseLeaf;
using envelope::Purpose;
using testing::GcmOpen;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::OpenOneLeaf;

constexpr LeafSalt kSalt = {1, 2, 3, 4, 5, 6, 7, 8};

class LeafCipher : public ::testing::Test {
 protected:
  LeafCipher()
      : key_(SecretBytes::CopyOf(Bytes(32, 0x42))),
        key_id_(Uuid::Random()),
        batch_id_(Uuid::Random()),
        context_(envelope::CanonicalContext({{"tenant", "acme"}}).value()),
        dek_(32, 0xd7) {}

  LeafSealer Sealer(Purpose purpose = Purpose::kWrappedDek,
                    uint32_t first_index = 0) {
    return LeafSealer::Create(key_, key_id_, batch_id_, purpose, kSalt,
                              first_index)
        .value();
  }
  LeafOpener Opener(Purpose purpose = Purpose::kWrappedDek) {
    return LeafOpener::Create(key_, key_id_, batch_id_, purpose).value();
  }
  Leaf Sealed(ByteView secret, Purpose purpose = Purpose::kWrappedDek) {
    Bytes bytes;
    EXPECT_THAT(Sealer(purpose).Seal(context_, secret, &bytes), IsOk());
    return ParseLeaf(bytes).value();
  }

  const SecretBytes key_;
  const Uuid key_id_, batch_id_;
  const Bytes context_, dek_;
};

TEST_F(LeafCipher, OpensWhatItSealed) {
  const auto opened = Opener().Open(Sealed(dek_), context_);
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(ToBytes(opened->Expose()), dek_);
}

TEST_F(LeafCipher, SealsWhatASecondOpinionOpens) {
  for (const Bytes& context : {Bytes(), context_, Bytes(8192, 'c')}) {
    Bytes bytes;
    ASSERT_THAT(Sealer().Seal(context, dek_, &bytes), IsOk());
    const ByteView leaf = bytes;
    EXPECT_EQ(GcmOpen(key_.Expose(), leaf.subspan(1, 12), leaf.subspan(13),
                      envelope::LeafAad(key_id_, batch_id_,
                                        Purpose::kWrappedDek, context)),
              dek_);
  }
}

TEST_F(LeafCipher, OneSealerAndOneOpenerServeAFullBatch) {
  LeafSealer sealer = Sealer();
  LeafOpener opener = Opener();
  Bytes bytes;
  for (int i = 0; i < 4096; ++i) {
    ASSERT_THAT(sealer.Seal(context_, Bytes(32, i & 0xff), &bytes), IsOk());
  }
  const size_t leaf_size = bytes.size() / 4096;
  ASSERT_EQ(leaf_size * 4096, bytes.size());
  for (size_t i = 0; i < 4096; ++i) {
    const auto leaf =
        ParseLeaf(ByteView(bytes).subspan(i * leaf_size, leaf_size));
    ASSERT_THAT(leaf, IsOk());
    EXPECT_EQ(leaf->index, i);
    const auto opened = opener.Open(*leaf, context_);
    ASSERT_THAT(opened, IsOk());
    EXPECT_EQ(ToBytes(opened->Expose()), Bytes(32, i & 0xff));
  }
}

TEST_F(LeafCipher, EachLeafHasItsOwnContext) {
  LeafSealer sealer = Sealer();
  LeafOpener opener = Opener();
  Bytes first, second;
  ASSERT_THAT(sealer.Seal(context_, dek_, &first), IsOk());
  ASSERT_THAT(sealer.Seal({}, dek_, &second), IsOk());
  const Leaf with = ParseLeaf(first).value(),
             without = ParseLeaf(second).value();
  EXPECT_THAT(opener.Open(with, context_), IsOk());
  EXPECT_THAT(opener.Open(without, {}), IsOk());
  EXPECT_THAT(opener.Open(with, {}), HasReason(Reason::kNotAuthentic));
  EXPECT_THAT(opener.Open(without, context_), HasReason(Reason::kNotAuthentic));
}

TEST_F(LeafCipher, NoNonceComesTwiceEvenAfterAFailedLeaf) {
  LeafSealer sealer = Sealer();
  Bytes bytes;
  ASSERT_THAT(sealer.Seal(context_, dek_, &bytes), IsOk());
  EXPECT_THAT(sealer.Seal(context_, Bytes(15), &bytes),
              HasReason(Reason::kInternal));
  EXPECT_EQ(sealer.next_index(), 2u);
  Bytes next;
  ASSERT_THAT(sealer.Seal(context_, dek_, &next), IsOk());
  EXPECT_EQ(ParseLeaf(next)->index, 2u);
}

TEST_F(LeafCipher, AFailedSealLeavesTheOutputAsItWas) {
  Bytes out = {1, 2, 3};
  EXPECT_THAT(Sealer().Seal(context_, Bytes(65), &out),
              HasReason(Reason::kInternal, HasSubstr("65 bytes")));
  EXPECT_EQ(out, Bytes({1, 2, 3}));
}

TEST_F(LeafCipher, SealingEndsAtTheHighestIndex) {
  LeafSealer sealer = Sealer(Purpose::kWrappedDek, envelope::kMaxIndex);
  Bytes bytes;
  ASSERT_THAT(sealer.Seal(context_, dek_, &bytes), IsOk());
  EXPECT_EQ(ParseLeaf(bytes)->index, envelope::kMaxIndex);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(sealer.Seal(context_, dek_, &bytes),
                HasReason(Reason::kInternal, HasSubstr("used up")));
  }
  EXPECT_EQ(sealer.next_index(), envelope::kMaxIndex + 1);
}

TEST_F(LeafCipher, SecretsOfAnyLegalSizeComeBack) {
  const std::vector<std::pair<Purpose, size_t>> cases = {
      {Purpose::kWrappedDek, 16}, {Purpose::kWrappedDek, 64},
      {Purpose::kData, 0},        {Purpose::kData, 1},
      {Purpose::kData, 4097},     {Purpose::kData, 65536}};
  for (const auto& [purpose, size] : cases) {
    const Bytes secret(size, 0x5a);
    const auto opened = Opener(purpose).Open(Sealed(secret, purpose), context_);
    ASSERT_THAT(opened, IsOk()) << size;
    EXPECT_EQ(ToBytes(opened->Expose()), secret);
  }
}

TEST_F(LeafCipher, SecretsOutsideTheLimitsAreRefused) {
  const std::vector<std::pair<Purpose, size_t>> cases = {
      {Purpose::kWrappedDek, 0},
      {Purpose::kWrappedDek, 15},
      {Purpose::kWrappedDek, 65},
      {Purpose::kData, 65537}};
  for (const auto& [purpose, size] : cases) {
    Bytes bytes;
    EXPECT_THAT(Sealer(purpose).Seal(context_, Bytes(size), &bytes),
                HasReason(Reason::kInternal));
  }
}

TEST_F(LeafCipher, ABatchKeyOfAnotherSizeIsRefused) {
  for (const size_t size : {0u, 16u, 31u, 33u, 64u}) {
    const SecretBytes key(size);
    EXPECT_THAT(LeafSealer::Create(key, key_id_, batch_id_,
                                   Purpose::kWrappedDek, kSalt, 0),
                HasReason(Reason::kInternal));
    EXPECT_THAT(
        LeafOpener::Create(key, key_id_, batch_id_, Purpose::kWrappedDek),
        HasReason(Reason::kInternal));
  }
}

TEST_F(LeafCipher, EveryCauseOfARefusalReadsTheSame) {
  const Leaf leaf = Sealed(dek_);
  const SecretBytes other_key(32);
  Leaf bad_tag = leaf, bad_salt = leaf, relabelled = leaf, short_leaf = leaf;
  bad_tag.sealed.back() ^= 1;
  bad_salt.salt[0] ^= 1;
  relabelled.purpose = Purpose::kData;
  short_leaf.sealed.resize(15);
  const Uuid other = Uuid::Random();
  const Purpose dek = Purpose::kWrappedDek, data = Purpose::kData;
  const std::vector<Status> refusals = {
      OpenOneLeaf(other_key, key_id_, batch_id_, dek, leaf, context_).status(),
      OpenOneLeaf(key_, other, batch_id_, dek, leaf, context_).status(),
      OpenOneLeaf(key_, key_id_, other, dek, leaf, context_).status(),
      OpenOneLeaf(key_, key_id_, batch_id_, data, leaf, context_).status(),
      OpenOneLeaf(key_, key_id_, batch_id_, data, relabelled, context_)
          .status(),
      OpenOneLeaf(key_, key_id_, batch_id_, dek, leaf, {}).status(),
      OpenOneLeaf(key_, key_id_, batch_id_, dek, bad_tag, context_).status(),
      OpenOneLeaf(key_, key_id_, batch_id_, dek, bad_salt, context_).status(),
      OpenOneLeaf(key_, key_id_, batch_id_, dek, short_leaf, context_)
          .status()};
  std::set<std::string> messages;
  for (const Status& refusal : refusals) {
    EXPECT_THAT(refusal, HasReason(Reason::kNotAuthentic));
    messages.emplace(MessageOf(refusal));
  }
  EXPECT_EQ(messages.size(), 1u);
}

TEST_F(LeafCipher, AnOpenerWorksOnAfterARefusal) {
  LeafOpener opener = Opener();
  const Leaf good = Sealed(dek_);
  Leaf bad = good;
  bad.sealed[0] ^= 1;
  EXPECT_THAT(opener.Open(bad, context_), HasReason(Reason::kNotAuthentic));
  EXPECT_THAT(opener.Open(good, context_), IsOk());
}

TEST_F(LeafCipher, ARefusalLeavesNothingInOpenSslsErrorQueue) {
  Leaf bad = Sealed(dek_);
  bad.sealed[0] ^= 1;
  EXPECT_THAT(Opener().Open(bad, context_), HasReason(Reason::kNotAuthentic));
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST_F(LeafCipher, EveryBitOfALeafIsAuthenticated) {
  Bytes bytes;
  ASSERT_THAT(Sealer().Seal(context_, dek_, &bytes), IsOk());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes damaged = bytes;
    damaged[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    const auto leaf = ParseLeaf(damaged);
    if (!leaf.ok()) continue;
    EXPECT_THAT(Opener(leaf->purpose).Open(*leaf, context_),
                HasReason(Reason::kNotAuthentic))
        << bit;
  }
}

TEST_F(LeafCipher, EveryBitOfTheContextIsAuthenticated) {
  const Leaf leaf = Sealed(dek_);
  for (size_t bit = 0; bit < context_.size() * 8; ++bit) {
    Bytes other = context_;
    other[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    EXPECT_THAT(Opener().Open(leaf, other), HasReason(Reason::kNotAuthentic));
  }
}

TEST_F(LeafCipher, AMovedSealerGoesOnCounting) {
  LeafSealer first = Sealer();
  Bytes bytes;
  ASSERT_THAT(first.Seal(context_, dek_, &bytes), IsOk());
  LeafSealer second = std::move(first);
  Bytes next;
  ASSERT_THAT(second.Seal(context_, dek_, &next), IsOk());
  EXPECT_EQ(ParseLeaf(next)->index, 1u);
}

TEST_F(LeafCipher, ThreadsSealAndOpenSideBySide) {
  std::vector<std::thread> threads;
  std::vector<int> failures(4, 0);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t, &failures] {
      for (int i = 0; i < 200; ++i) {
        const auto opened = Opener().Open(Sealed(dek_), context_);
        if (!opened.ok() || ToBytes(opened->Expose()) != dek_) ++failures[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace strongroom::batching
