// A wrapped DEK under exhaustive damage: no changed bit and no cut opens.
#include <gtest/gtest.h>

#include "strongroom/base/secret_bytes.h"
#include "strongroom/batching/leaf_cipher.h"
#include "strongroom/envelope/context.h"
#include "strongroom/envelope/token.h"
#include "tests/envelope/reference_gcm.h"
#include "tests/testing/one_leaf.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::envelope {
namespace {

using testing::GcmSeal;
using testing::HasReason;
using testing::IsOk;
using testing::OpenIvAndSealed;

class DamagedToken : public ::testing::TestWithParam<Purpose> {
 protected:
  DamagedToken() : kek_(32, 0x4b), batch_key_(32, 0x42), secret_(32, 0x53) {
    context_ = CanonicalContext({{"tenant", "acme"}}).value();
    const Uuid key_id = Uuid::Random(), batch_id = Uuid::Random();
    const Bytes iv(12, 0x49);
    Header header{key_id, 5, batch_id, iv};
    Append(&header.sealed,
           GcmSeal(kek_, iv, batch_key_,
                   HeaderAad(key_id, 5, batch_id, kSealedSizeIv12)));
    token_ = SerializeHeader(header);
    const Status sealed = testing::SealOneLeaf(
        SecretBytes::CopyOf(batch_key_), key_id, batch_id, GetParam(),
        {1, 2, 3, 4, 5, 6, 7, 8}, 77, context_, secret_, &token_);
    EXPECT_THAT(sealed, IsOk());
  }

  // What service and device do with a token string, in their order.
  StatusOr<SecretBytes> Open(ByteView bytes) const {
    SR_ASSIGN_OR_RETURN(const Token token, ParseToken(bytes));
    const Header& header = token.header;
    const auto batch_key =
        OpenIvAndSealed(kek_, header.sealed, kBatchKeySize,
                        HeaderAad(header.key_id, header.key_version,
                                  header.batch_id, header.sealed.size()));
    if (!batch_key) return Error(Reason::kNotAuthentic, "header");
    return testing::OpenOneLeaf(SecretBytes::CopyOf(*batch_key), header.key_id,
                                header.batch_id, GetParam(), token.leaf,
                                context_);
  }

  static bool IsRefusal(const Status& status) {
    if (status.ok()) return false;
    const Reason reason = ReasonOf(status);
    return reason == Reason::kMalformed || reason == Reason::kFormatUnknown ||
           reason == Reason::kNotAuthentic;
  }

  const Bytes kek_, batch_key_, secret_;
  Bytes context_, token_;
};

TEST_P(DamagedToken, OpensUndamaged) {
  const auto opened = Open(token_);
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(ToBytes(opened->Expose()), secret_);
}

TEST_P(DamagedToken, IsRefusedWithAnyBitFlipped) {
  for (size_t bit = 0; bit < token_.size() * 8; ++bit) {
    Bytes damaged = token_;
    damaged[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    const auto opened = Open(damaged);
    EXPECT_TRUE(IsRefusal(opened.status()))
        << "bit " << bit << ": " << testing::Describe(opened.status());
  }
}

TEST_P(DamagedToken, IsRefusedCutAtAnyLength) {
  for (size_t size = 0; size < token_.size(); ++size) {
    const auto opened = Open(ByteView(token_).first(size));
    EXPECT_TRUE(IsRefusal(opened.status()))
        << "size " << size << ": " << testing::Describe(opened.status());
  }
}

TEST_P(DamagedToken, IsRefusedCutAtTheFrontByAnyLength) {
  for (size_t cut = 1; cut <= token_.size(); ++cut) {
    const auto opened = Open(ByteView(token_).subspan(cut));
    EXPECT_TRUE(IsRefusal(opened.status())) << "cut " << cut;
  }
}

TEST_P(DamagedToken, IsRefusedWithAnyByteRepeatedOrLeftOut) {
  for (size_t at = 0; at < token_.size(); ++at) {
    Bytes longer = token_;
    longer.insert(longer.begin() + static_cast<std::ptrdiff_t>(at), token_[at]);
    EXPECT_TRUE(IsRefusal(Open(longer).status())) << "repeated " << at;
    Bytes shorter = token_;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(at));
    EXPECT_TRUE(IsRefusal(Open(shorter).status())) << "left out " << at;
  }
}

TEST_P(DamagedToken, IsRefusedExtendedByUpToAHundredBytes) {
  Bytes longer = token_;
  for (int n = 1; n <= 100; ++n) {
    longer.push_back(0);
    EXPECT_TRUE(IsRefusal(Open(longer).status())) << n;
  }
}

INSTANTIATE_TEST_SUITE_P(Purposes, DamagedToken,
                         ::testing::Values(Purpose::kWrappedDek,
                                           Purpose::kData),
                         [](const auto& parameter) {
                           return parameter.param == Purpose::kWrappedDek
                                      ? "WrappedDek"
                                      : "Data";
                         });

}  // namespace
}  // namespace strongroom::envelope
