// Encrypt, Wrap, GenerateDataKey: what is sealed, and what is refused.
#include <gtest/gtest.h>

#include <set>

#include "tests/service/rig.h"

namespace strongroom::service {
namespace {

using ::strongroom::testing::FakeOperation;
using ::strongroom::testing::HasReason;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SealTest : public ::testing::Test {
 protected:
  SealTest() { rig_.MakeKey("demo/app"); }

  StatusOr<SealResult> Seal(const ops::Sealing& operation,
                            SealCommand command) {
    return rig_.Seal(Rig::CallAs("app", operation), std::move(command));
  }
  StatusOr<SealResult> Wrap(const std::string& dek) {
    return Seal(ops::kWrap, Rig::SealOf("demo/app", {dek}));
  }
  StatusOr<SealResult> Generate(const ops::Sealing& operation, size_t count,
                                uint32_t dek_bytes, bool without_plaintext) {
    SealCommand command;
    command.key_name = "demo/app";
    command.items.resize(count);
    command.dek_bytes = dek_bytes;
    command.without_plaintext = without_plaintext;
    return Seal(operation, std::move(command));
  }
  StatusOr<OpenResult> Unwrap(const Bytes& token, const Context& context = {}) {
    return rig_.Open(Rig::CallAs("app", ops::kUnwrap),
                     Rig::OpenOf({token}, "", context));
  }

  Rig rig_;
};

TEST_F(SealTest, AWrappedDekComesBack) {
  ASSERT_OK_AND_ASSIGN(SealResult wrapped, Wrap(std::string(Rig::kDek)));
  EXPECT_EQ(wrapped.key_name, "demo/app");
  EXPECT_EQ(wrapped.items[0].key_version, 1u);
  EXPECT_TRUE(wrapped.items[0].dek.empty());
  Bytes token = Rig::TokenOf(wrapped.items[0]);
  EXPECT_EQ(token.size(), 163u);
  ASSERT_OK_AND_ASSIGN(OpenResult opened, Unwrap(token));
  EXPECT_EQ(AsText(opened.items[0].secret.Expose()), Rig::kDek);
  EXPECT_EQ(opened.items[0].key_name, "demo/app");
  EXPECT_EQ(opened.items[0].key_version, 1u);
}

TEST_F(SealTest, DeksOf16To64BytesAreWrappedAndNoOthers) {
  for (size_t size : {16, 17, 32, 63, 64}) {
    EXPECT_OK(Wrap(std::string(size, 'x'))) << size;
  }
  for (size_t size : {0, 1, 15, 65, 4096}) {
    EXPECT_THAT(Wrap(std::string(size, 'x')),
                HasReason(Reason::kDekSizeInvalid,
                          AllOf(HasSubstr(std::to_string(size) + " bytes"),
                                HasSubstr("16 to 64"))));
  }
}

TEST_F(SealTest, PlaintextOfUpTo64KiBIsEncryptedAndTheRestIsToldWhatToUse) {
  for (size_t size : {size_t{0}, size_t{1}, size_t{65536}}) {
    std::string text(size, 'x');
    ASSERT_OK_AND_ASSIGN(SealResult sealed,
                         Seal(ops::kEncrypt, Rig::SealOf("demo/app", {text})));
    ASSERT_OK_AND_ASSIGN(
        OpenResult opened,
        rig_.Open(Rig::CallAs("app", ops::kDecrypt),
                  Rig::OpenOf({Rig::TokenOf(sealed.items[0])})));
    EXPECT_EQ(AsText(opened.items[0].secret.Expose()), text);
  }
  EXPECT_THAT(
      Seal(ops::kEncrypt, Rig::SealOf("demo/app", {std::string(65537, 'x')})),
      HasReason(Reason::kPlaintextTooLarge,
                AllOf(HasSubstr("65537"), HasSubstr("GenerateDataKey"))));
}

TEST_F(SealTest, ADataKeyIsFreshAndOpensToItsPlaintext) {
  std::set<std::string> seen;
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK_AND_ASSIGN(SealResult made,
                         Generate(ops::kGenerateDataKey, 1, 0, false));
    const SealedItem& item = made.items[0];
    EXPECT_EQ(item.dek.size(), 32u);
    EXPECT_TRUE(seen.insert(ToHex(item.dek.Expose())).second);
    ASSERT_OK_AND_ASSIGN(OpenResult opened, Unwrap(Rig::TokenOf(item)));
    EXPECT_TRUE(opened.items[0].secret == item.dek);
  }
}

TEST_F(SealTest, ADataKeyWithoutPlaintextHasNone) {
  ASSERT_OK_AND_ASSIGN(SealResult made,
                       Generate(ops::kGenerateDataKey, 1, 16, true));
  EXPECT_TRUE(made.items[0].dek.empty());
  ASSERT_OK_AND_ASSIGN(OpenResult opened, Unwrap(Rig::TokenOf(made.items[0])));
  EXPECT_EQ(opened.items[0].secret.size(), 16u);
}

TEST_F(SealTest, DataKeysOfOtherSizesAreRefused) {
  for (uint32_t size : {1u, 15u, 65u, 0xffffffffu}) {
    for (auto operation :
         {ops::kGenerateDataKey, ops::kBatchGenerateDataKeys}) {
      EXPECT_THAT(Generate(operation, 1, size, false),
                  HasReason(Reason::kDekSizeInvalid, HasSubstr("16 to 64")));
    }
  }
}

TEST_F(SealTest, ABatchSharesOneTokenOperationAndItsDeksDiffer) {
  uint64_t before = rig_.device_.count(FakeOperation::kSeal);
  ASSERT_OK_AND_ASSIGN(SealResult made,
                       Generate(ops::kBatchGenerateDataKeys, 100, 32, false));
  EXPECT_EQ(rig_.device_.count(FakeOperation::kSeal), before + 1);
  std::set<std::string> deks;
  for (const SealedItem& item : made.items) {
    EXPECT_OK(item.status);
    EXPECT_EQ(item.header, made.items[0].header);
    deks.insert(ToHex(item.dek.Expose()));
  }
  EXPECT_EQ(deks.size(), 100u);
}

TEST_F(SealTest, InABatchABadItemFailsAlone) {
  SealCommand command =
      Rig::SealOf("demo/app", {std::string(32, 'a'), "short",
                               std::string(32, 'b'), std::string(32, 'c')});
  command.items[2].context = Context{{"", "empty key"}};
  ASSERT_OK_AND_ASSIGN(SealResult sealed,
                       Seal(ops::kBatchWrap, std::move(command)));
  EXPECT_OK(sealed.items[0].status);
  EXPECT_THAT(sealed.items[1].status, HasReason(Reason::kDekSizeInvalid));
  EXPECT_THAT(sealed.items[2].status, HasReason(Reason::kContextInvalid));
  ASSERT_OK(sealed.items[3].status);
  ASSERT_OK_AND_ASSIGN(OpenResult opened,
                       Unwrap(Rig::TokenOf(sealed.items[3])));
  EXPECT_EQ(AsText(opened.items[0].secret.Expose()), std::string(32, 'c'));

  const audit::Record record = rig_.audit_.entries().end()[-2].record;
  EXPECT_EQ(record.operation, "BatchWrap");
  EXPECT_EQ(record.outcome, "OK");
  EXPECT_EQ(record.key, "demo/app");
  EXPECT_EQ(record.items, 4u);
  EXPECT_EQ(record.failed_items, 2u);
  EXPECT_THAT(record.versions, ElementsAre(1));
  EXPECT_EQ(record.detail, "1 CONTEXT_INVALID, 1 DEK_SIZE_INVALID");
}

TEST_F(SealTest, ABatchOfBadItemsNeedsNoToken) {
  uint64_t before = rig_.device_.count(FakeOperation::kSeal);
  ASSERT_OK_AND_ASSIGN(
      SealResult sealed,
      Seal(ops::kBatchWrap, Rig::SealOf("demo/app", {"a", "b"})));
  EXPECT_THAT(sealed.items[0].status, HasReason(Reason::kDekSizeInvalid));
  EXPECT_THAT(sealed.items[1].status, HasReason(Reason::kDekSizeInvalid));
  EXPECT_EQ(rig_.device_.count(FakeOperation::kSeal), before);
}

TEST_F(SealTest, AnItemsOwnContextTakesThePlaceOfTheRequests) {
  SealCommand command =
      Rig::SealOf("demo/app", {std::string(Rig::kDek), std::string(Rig::kDek)},
                  {{"from", "request"}});
  command.items[1].context = Context{{"from", "item"}};
  ASSERT_OK_AND_ASSIGN(SealResult sealed,
                       Seal(ops::kBatchWrap, std::move(command)));
  Bytes first = Rig::TokenOf(sealed.items[0]);
  Bytes second = Rig::TokenOf(sealed.items[1]);
  EXPECT_OK(Unwrap(first, {{"from", "request"}}));
  EXPECT_THAT(Unwrap(first, {}), HasReason(Reason::kNotAuthentic));
  EXPECT_THAT(Unwrap(first, {{"from", "item"}}),
              HasReason(Reason::kNotAuthentic));
  EXPECT_OK(Unwrap(second, {{"from", "item"}}));
  EXPECT_THAT(Unwrap(second, {{"from", "request"}}),
              HasReason(Reason::kNotAuthentic));
}

TEST_F(SealTest, TheOrderOfAContextDoesNotMatter) {
  Bytes token = rig_.Wrapped("demo/app", {{"a", "1"}, {"b", "2"}});
  EXPECT_OK(Unwrap(token, {{"b", "2"}, {"a", "1"}}));
}

TEST_F(SealTest, BadContextsAreRefused) {
  Context many;
  for (int i = 0; i < 33; ++i) many.emplace_back("k" + std::to_string(i), "");
  for (const Context& bad :
       {Context{{"", "v"}}, Context{{"k", "1"}, {"k", "2"}},
        Context{{"k", "\xff"}}, Context{{"\xc0\xaf", "v"}}, many,
        Context{{"k", std::string(8190, 'v')}}}) {
    EXPECT_THAT(Seal(ops::kWrap,
                     Rig::SealOf("demo/app", {std::string(Rig::kDek)}, bad)),
                HasReason(Reason::kContextInvalid));
  }
}

TEST_F(SealTest, RequestsOverTheLimitsAreRefusedWhole) {
  EXPECT_THAT(Seal(ops::kBatchWrap, Rig::SealOf("demo/app", {})),
              HasReason(Reason::kArgumentInvalid, HasSubstr("no items")));
  std::vector<std::string> secrets(4097, std::string(32, 'x'));
  EXPECT_THAT(Seal(ops::kBatchWrap, Rig::SealOf("demo/app", secrets)),
              HasReason(Reason::kRequestTooLarge,
                        AllOf(HasSubstr("4097"), HasSubstr("4096"))));
  secrets.pop_back();
  EXPECT_OK(Seal(ops::kBatchWrap, Rig::SealOf("demo/app", secrets)));
  std::vector<std::string> large(64, std::string(65536, 'x'));
  EXPECT_OK(Seal(ops::kBatchEncrypt, Rig::SealOf("demo/app", large)));
  EXPECT_THAT(
      Seal(ops::kBatchEncrypt, Rig::SealOf("demo/app", large, {{"k", ""}})),
      HasReason(Reason::kRequestTooLarge, HasSubstr("bytes")));
}

TEST_F(SealTest, AUnaryFormHasOneItem) {
  for (size_t count : {0, 2}) {
    std::vector<std::string> secrets(count, std::string(32, 'x'));
    EXPECT_THAT(Seal(ops::kWrap, Rig::SealOf("demo/app", secrets)),
                HasReason(Reason::kArgumentInvalid, HasSubstr("want 1")));
  }
}

TEST_F(SealTest, WhenTheDeviceIsAwayABatchFailsWhole) {
  Status away = Error(Reason::kHsmUnavailable, "token gone",
                      std::chrono::milliseconds(250));
  rig_.device_.FailNext(FakeOperation::kSeal, away);
  auto result = Seal(
      ops::kBatchWrap,
      Rig::SealOf("demo/app", {std::string(32, 'a'), std::string(32, 'b')}));
  EXPECT_THAT(result, HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(RetryAfterOf(result.status()), std::chrono::milliseconds(250));
  const audit::Record record = rig_.audit_.last().record;
  EXPECT_EQ(record.outcome, "HSM_UNAVAILABLE");
  EXPECT_EQ(record.failed_items, 2u);
}

TEST_F(SealTest, ADeviceFaultOfOneItemIsTheAnswerOfAUnaryForm) {
  rig_.device_.FailNext(FakeOperation::kSeal,
                        Error(Reason::kHsmUnexpected, "CKR_WHAT"));
  EXPECT_THAT(Wrap(std::string(Rig::kDek)), HasReason(Reason::kHsmUnexpected));
  EXPECT_OK(Wrap(std::string(Rig::kDek)));
}

TEST_F(SealTest, SealingUsesThePrimary) {
  rig_.Rotate("demo/app");
  ASSERT_OK_AND_ASSIGN(SealResult sealed, Wrap(std::string(Rig::kDek)));
  EXPECT_EQ(sealed.items[0].key_version, 2u);
  EXPECT_THAT(rig_.audit_.last().record.versions, ElementsAre(2));
}

TEST_F(SealTest, NoRecordHoldsSecretsTokensOrContextValues) {
  SealCommand command = Rig::SealOf("demo/app", {std::string(Rig::kDek)},
                                    {{"patient", "jane-roe-4711"}});
  ASSERT_OK_AND_ASSIGN(SealResult sealed, Seal(ops::kWrap, std::move(command)));
  Bytes token = Rig::TokenOf(sealed.items[0]);
  (void)Unwrap(token, {{"patient", "john-doe-4712"}});
  (void)Seal(ops::kWrap, Rig::SealOf("demo/app", {std::string(Rig::kDek)},
                                     {{"k", "jane-roe"}, {"k", "jane-roe"}}));
  for (const auto& entry : rig_.audit_.entries()) {
    std::string line = audit::FormatRecord(entry.record, 1);
    for (const std::string& secret :
         {std::string(Rig::kDek), std::string("jane-roe"),
          std::string("john-doe"), ToHex(token), ToBase64(token),
          ToBase64(AsBytes(Rig::kDek))}) {
      EXPECT_EQ(line.find(secret), std::string::npos) << line;
    }
  }
}

}  // namespace
}  // namespace strongroom::service
