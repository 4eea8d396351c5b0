// Decrypt, Unwrap, Rewrap: whose token it is decides.
#include <gtest/gtest.h>

#include "strongroom/envelope/token.h"
#include "tests/service/rig.h"

namespace strongroom::service {
namespace {

using ::strongroom::testing::FakeOperation;
using ::strongroom::testing::HasReason;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr size_t kHeaderSize = 102;

class OpenTest : public ::testing::Test {
 protected:
  OpenTest() {
    rig_.MakeKey("demo/app");
    rig_.MakeKey("demo/two");
    rig_.MakeKey("other/key");
  }

  StatusOr<OpenResult> Unwrap(const std::string& who,
                              const std::vector<Bytes>& tokens,
                              const std::string& name = "") {
    auto operation = tokens.size() == 1 ? ops::kUnwrap : ops::kBatchUnwrap;
    return rig_.Open(Rig::CallAs(who, operation), Rig::OpenOf(tokens, name));
  }
  StatusOr<RewrapResult> Rewrap(const std::string& who,
                                const std::vector<Bytes>& tokens,
                                const std::string& name = "") {
    auto operation = tokens.size() == 1 ? ops::kRewrap : ops::kBatchRewrap;
    return rig_.Rewrap(Rig::CallAs(who, operation), {name, tokens});
  }
  // DistinctTokens have each a header of their own.
  std::vector<Bytes> DistinctTokens(size_t count) {
    std::vector<Bytes> tokens(count, rig_.Wrapped("demo/app"));
    for (size_t i = 0; i < count; ++i) {
      StoreU16(&tokens[i][24], static_cast<uint16_t>(i));
    }
    return tokens;
  }

  Rig rig_;
};

TEST_F(OpenTest, ATokenNeedsNoName) {
  Bytes token = rig_.Wrapped("demo/app");
  EXPECT_OK(Unwrap("app", {token}));
  EXPECT_OK(Unwrap("app", {token}, "demo/app"));
  const audit::Record record = rig_.audit_.last().record;
  EXPECT_EQ(record.key, "demo/app");
  EXPECT_EQ(record.items, 1u);
  EXPECT_THAT(record.versions, ElementsAre(1));
}

TEST_F(OpenTest, ForbiddenAndUnknownKeysAnswerAlikeInEveryByte) {
  Bytes forbidden = rig_.Wrapped("other/key");
  Bytes unknown = Rig::OfUnknownKey(forbidden);
  Status first = Unwrap("app", {forbidden}).status();
  EXPECT_THAT(first,
              HasReason(Reason::kPermissionDenied, Not(HasSubstr("other"))));
  EXPECT_EQ(rig_.audit_.last().record.key, "other/key");
  EXPECT_EQ(Unwrap("app", {unknown}).status(), first);
  EXPECT_EQ(rig_.audit_.last().record.key, "");
  // A version that does not exist, a forged leaf: nothing of it shows.
  Bytes forged = forbidden;
  forged[23] = 9;
  forged.back() ^= 1;
  EXPECT_EQ(Unwrap("app", {forged}).status(), first);

  Status rewrap = Rewrap("app", {forbidden}).status();
  EXPECT_THAT(rewrap, HasReason(Reason::kPermissionDenied));
  EXPECT_EQ(Rewrap("app", {unknown}).status(), rewrap);
}

TEST_F(OpenTest, ForbiddenAndUnknownKeysAnswerAlikeInABatchAndUnderAName) {
  Bytes mine = rig_.Wrapped("demo/app");
  Bytes forbidden = rig_.Wrapped("other/key");
  Bytes unknown = Rig::OfUnknownKey(forbidden);
  for (const char* name : {"", "demo/app"}) {
    ASSERT_OK_AND_ASSIGN(OpenResult opened,
                         Unwrap("app", {mine, forbidden, unknown}, name));
    EXPECT_OK(opened.items[0].status);
    EXPECT_THAT(opened.items[1].status, HasReason(Reason::kPermissionDenied));
    EXPECT_EQ(opened.items[1].status, opened.items[2].status);
    EXPECT_EQ(opened.items[1].key_name, "");
  }
}

TEST_F(OpenTest, ADeniedTokenDoesNotReachTheToken) {
  Bytes forbidden = rig_.Wrapped("other/key");
  uint64_t before = rig_.device_.count(FakeOperation::kOpen);
  EXPECT_THAT(Unwrap("app", {forbidden}), Not(testing::IsOk()));
  EXPECT_EQ(rig_.device_.count(FakeOperation::kOpen), before);
}

TEST_F(OpenTest, WhoMayUseEveryKeyIsToldThatOneIsUnknown) {
  Bytes unknown = Rig::OfUnknownKey(rig_.Wrapped("demo/app"));
  EXPECT_THAT(Unwrap("root", {unknown}),
              HasReason(Reason::kKeyNotFound, HasSubstr("a4a5a6a7-")));
}

TEST_F(OpenTest, ATokenOfAnotherKeyThanTheNamedOneIsRefused) {
  Bytes token = rig_.Wrapped("demo/two");
  EXPECT_THAT(Unwrap("app", {token}, "demo/app"),
              HasReason(Reason::kArgumentInvalid,
                        AllOf(HasSubstr("demo/two"), HasSubstr("demo/app"))));
  EXPECT_THAT(Rewrap("app", {token}, "demo/app"),
              HasReason(Reason::kArgumentInvalid));
}

TEST_F(OpenTest, WhoMayNotUseBothKeysIsNotToldThatTheyDiffer) {
  Bytes token = rig_.Wrapped("other/key");
  // The token's key is forbidden.
  EXPECT_THAT(Unwrap("app", {token}, "demo/app"),
              HasReason(Reason::kPermissionDenied, Not(HasSubstr("other"))));
  // The named one is.
  EXPECT_THAT(Unwrap("other", {token}, "demo/app"),
              HasReason(Reason::kPermissionDenied, HasSubstr("demo/app")));
}

TEST_F(OpenTest, ABatchOfSeveralKeysSaysSoInItsRecord) {
  ASSERT_OK_AND_ASSIGN(
      OpenResult opened,
      Unwrap("root", {rig_.Wrapped("demo/app"), rig_.Wrapped("other/key"),
                      Bytes{1, 2, 3}}));
  EXPECT_EQ(opened.items[0].key_name, "demo/app");
  EXPECT_EQ(opened.items[1].key_name, "other/key");
  EXPECT_THAT(opened.items[2].status, HasReason(Reason::kMalformed));
  const audit::Record record = rig_.audit_.last().record;
  EXPECT_EQ(record.key, "");
  EXPECT_EQ(record.detail, "2 keys; 1 MALFORMED");
  EXPECT_EQ(record.failed_items, 1u);
}

TEST_F(OpenTest, LabelsDecideForTokensToo) {
  rig_.MakeKey("shop/a", {{"env", "prod"}});
  rig_.MakeKey("shop/b", {{"env", "dev"}});
  EXPECT_OK(Unwrap("prod", {rig_.Wrapped("shop/a")}));
  EXPECT_THAT(Unwrap("prod", {rig_.Wrapped("shop/b")}),
              HasReason(Reason::kPermissionDenied));
}

TEST_F(OpenTest, StatesAreToldOnlyToWhoMay) {
  Bytes token = rig_.Wrapped("demo/app");
  rig_.Rotate("demo/app");
  EXPECT_OK(Unwrap("app", {token}));
  ASSERT_OK(rig_.Move(ops::kDisableVersion, "demo/app", 1));
  EXPECT_THAT(Unwrap("app", {token}),
              HasReason(Reason::kVersionState, HasSubstr("DISABLED")));
  EXPECT_THAT(Unwrap("other", {token}), HasReason(Reason::kPermissionDenied));
  ASSERT_OK(rig_.Move(ops::kScheduleDestroyVersion, "demo/app", 1));
  EXPECT_THAT(Unwrap("app", {token}), HasReason(Reason::kVersionState));
  EXPECT_THAT(Rewrap("app", {token}), HasReason(Reason::kVersionState));
  ASSERT_OK(rig_.Move(ops::kCancelDestroyVersion, "demo/app", 1));
  ASSERT_OK(rig_.Move(ops::kEnableVersion, "demo/app", 1));
  EXPECT_OK(Unwrap("app", {token}));
}

TEST_F(OpenTest, AVersionThatDoesNotExistIsToldToWhoMay) {
  Bytes token = rig_.Wrapped("demo/app");
  token[23] = 7;
  EXPECT_THAT(Unwrap("app", {token}), HasReason(Reason::kVersionNotFound));
  token[23] = 0;
  EXPECT_THAT(Unwrap("app", {token}), HasReason(Reason::kMalformed));
}

TEST_F(OpenTest, ADekIsNotDecryptedAndDataIsNotUnwrapped) {
  Bytes wrapped = rig_.Wrapped("demo/app");
  Bytes data = rig_.Sealed(ops::kEncrypt, "demo/app", Rig::kDek);
  EXPECT_THAT(
      rig_.Open(Rig::CallAs("app", ops::kDecrypt), Rig::OpenOf({wrapped})),
      HasReason(Reason::kNotAuthentic));
  EXPECT_THAT(Unwrap("app", {data}), HasReason(Reason::kNotAuthentic));
}

TEST_F(OpenTest, EqualHeadersShareOneTokenOperation) {
  std::vector<std::string> deks(50, std::string(Rig::kDek));
  ASSERT_OK_AND_ASSIGN(SealResult sealed,
                       rig_.Seal(Rig::CallAs("app", ops::kBatchWrap),
                                 Rig::SealOf("demo/app", deks)));
  std::vector<Bytes> tokens;
  for (const SealedItem& item : sealed.items) {
    tokens.push_back(Rig::TokenOf(item));
  }
  uint64_t before = rig_.device_.count(FakeOperation::kOpen);
  ASSERT_OK_AND_ASSIGN(OpenResult opened, Unwrap("app", tokens));
  EXPECT_EQ(rig_.device_.count(FakeOperation::kOpen), before + 1);
  for (const OpenedItem& item : opened.items) EXPECT_OK(item.status);
}

TEST_F(OpenTest, MoreThan256DistinctHeadersAreRefused) {
  std::vector<Bytes> tokens = DistinctTokens(256);
  tokens.push_back(tokens.front());
  EXPECT_OK(Unwrap("app", tokens));
  tokens = DistinctTokens(257);
  EXPECT_THAT(Unwrap("app", tokens),
              HasReason(Reason::kRequestTooLarge,
                        AllOf(HasSubstr("257"), HasSubstr("headers"))));
  EXPECT_THAT(Rewrap("app", tokens), HasReason(Reason::kRequestTooLarge));
}

TEST_F(OpenTest, RequestsOverTheLimitsAreRefusedWhole) {
  auto open = [&](OpenCommand command) {
    return rig_.Open(Rig::CallAs("app", ops::kBatchUnwrap), std::move(command));
  };
  EXPECT_THAT(open({}), HasReason(Reason::kArgumentInvalid));
  EXPECT_THAT(open(Rig::OpenOf(std::vector<Bytes>(4097, Bytes{1}))),
              HasReason(Reason::kRequestTooLarge, HasSubstr("4097 items")));
  EXPECT_THAT(open(Rig::OpenOf(std::vector<Bytes>(65, Bytes(65536)))),
              HasReason(Reason::kRequestTooLarge, HasSubstr("bytes")));
  EXPECT_THAT(Rewrap("app", std::vector<Bytes>(4097, Bytes{1})),
              HasReason(Reason::kRequestTooLarge));
  EXPECT_THAT(rig_.Rewrap(Rig::CallAs("app", ops::kRewrap), {"", {}}),
              HasReason(Reason::kArgumentInvalid));
}

TEST_F(OpenTest, ARewrapMovesTheHeaderAndLeavesTheLeaf) {
  Bytes token = rig_.Wrapped("demo/app", {{"object", "1"}});
  rig_.Rotate("demo/app");
  ASSERT_OK_AND_ASSIGN(RewrapResult rewrapped, Rewrap("app", {token}));
  const RewrappedItem& item = rewrapped.items[0];
  EXPECT_EQ(item.key_name, "demo/app");
  EXPECT_EQ(item.key_version, 2u);
  EXPECT_EQ(item.previous_key_version, 1u);
  EXPECT_EQ(Bytes(item.token.begin() + kHeaderSize, item.token.end()),
            Bytes(token.begin() + kHeaderSize, token.end()));
  EXPECT_THAT(rig_.audit_.last().record.versions, ElementsAre(2));
  ASSERT_OK(rig_.Move(ops::kDisableVersion, "demo/app", 1));
  ASSERT_OK_AND_ASSIGN(
      OpenResult opened,
      rig_.Open(Rig::CallAs("app", ops::kUnwrap),
                Rig::OpenOf({item.token}, "", {{"object", "1"}})));
  EXPECT_EQ(AsText(opened.items[0].secret.Expose()), Rig::kDek);
}

TEST_F(OpenTest, AHeaderAloneComesBackAsAHeader) {
  Bytes token = rig_.Wrapped("demo/app");
  Bytes header(token.begin(), token.begin() + kHeaderSize);
  rig_.Rotate("demo/app");
  ASSERT_OK_AND_ASSIGN(RewrapResult rewrapped, Rewrap("app", {header}));
  ASSERT_EQ(rewrapped.items[0].token.size(), kHeaderSize);
  Bytes joined = rewrapped.items[0].token;
  joined.insert(joined.end(), token.begin() + kHeaderSize, token.end());
  EXPECT_OK(Unwrap("app", {joined}));
}

TEST_F(OpenTest, AHeaderAtThePrimaryComesBackUnchangedWithoutATokenCall) {
  Bytes token = rig_.Wrapped("demo/app");
  uint64_t before = rig_.device_.count(FakeOperation::kOpen);
  ASSERT_OK_AND_ASSIGN(RewrapResult rewrapped, Rewrap("app", {token}));
  EXPECT_EQ(rewrapped.items[0].token, token);
  EXPECT_EQ(rewrapped.items[0].previous_key_version, 1u);
  EXPECT_EQ(rig_.device_.count(FakeOperation::kOpen), before);
}

TEST_F(OpenTest, ARewrapOfMixedItemsAnswersEachInItsPlace) {
  Bytes token = rig_.Wrapped("demo/app");
  Bytes header(token.begin(), token.begin() + kHeaderSize);
  Bytes data = rig_.Sealed(ops::kEncrypt, "demo/app", "text");
  Bytes forbidden = rig_.Wrapped("other/key");
  rig_.Rotate("demo/app");
  Bytes forged = token;
  forged[60] ^= 1;
  ASSERT_OK_AND_ASSIGN(
      RewrapResult rewrapped,
      Rewrap("app", {token, Bytes{}, forged, header, forbidden, data}));
  EXPECT_EQ(rewrapped.items[0].token.size(), token.size());
  EXPECT_THAT(rewrapped.items[1].status, HasReason(Reason::kMalformed));
  EXPECT_THAT(rewrapped.items[2].status, HasReason(Reason::kNotAuthentic));
  EXPECT_TRUE(rewrapped.items[2].token.empty());
  EXPECT_EQ(rewrapped.items[3].token.size(), kHeaderSize);
  EXPECT_THAT(rewrapped.items[4].status, HasReason(Reason::kPermissionDenied));
  EXPECT_EQ(rewrapped.items[5].token.size(), data.size());
  EXPECT_EQ(rig_.audit_.last().record.failed_items, 3u);
}

TEST_F(OpenTest, EveryCutOfAHeaderIsRefusedByRewrap) {
  Bytes token = rig_.Wrapped("demo/app");
  rig_.Rotate("demo/app");
  for (size_t size = 0; size < kHeaderSize + envelope::kLeafOverhead; ++size) {
    if (size == kHeaderSize) continue;
    Bytes cut(token.begin(), token.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_THAT(Rewrap("app", {cut}), HasReason(Reason::kMalformed)) << size;
  }
}

}  // namespace
}  // namespace strongroom::service
