// The data plane's translation, in both directions.
// Long because each message has a request, an answer and its refusals.
#include <gmock/gmock.h>

#include "tests/wire/round_trip.h"

namespace strongroom::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

std::string Text(const SecretBytes& secret) {
  return std::string(AsText(secret.Expose()));
}
SecretBytes Secret(std::string_view text) {
  return SecretBytes::CopyOf(AsBytes(text));
}
std::shared_ptr<const Bytes> Header(std::string_view text) {
  return std::make_shared<const Bytes>(ToBytes(AsBytes(text)));
}

model::SealedItem Sealed(std::shared_ptr<const Bytes> header,
                         std::string_view leaf, uint32_t version = 7) {
  model::SealedItem item;
  item.header = std::move(header);
  item.leaf = ToBytes(AsBytes(leaf));
  item.key_version = version;
  return item;
}

template <typename Message>
void AddContext(Message* message, const std::string& key,
                const std::string& value) {
  auto* pair = message->add_encryption_context();
  pair->set_key(key);
  pair->set_value(value);
}

model::SealResult ResultOf(model::SealedItem item) {
  model::SealResult result;
  result.key_name = "demo/app";
  result.items.push_back(std::move(item));
  return result;
}

model::OpenedItem Opened(std::string_view secret) {
  model::OpenedItem item;
  item.key_name = "demo/app";
  item.key_version = 3;
  item.secret = Secret(secret);
  return item;
}

TEST(WireDataTest, EncryptPassesPlaintextAndContextOn) {
  v1::EncryptRequest request;
  request.set_name("demo/app");
  request.set_plaintext("data");
  AddContext(&request, "b", "2");
  AddContext(&request, "a", "1");
  ASSERT_OK_AND_ASSIGN(auto command, ReadAs<model::SealCommand>(request));
  EXPECT_EQ(command.key_name, "demo/app");
  EXPECT_THAT(command.context, ElementsAre(Pair("b", "2"), Pair("a", "1")));
  ASSERT_EQ(command.items.size(), 1u);
  EXPECT_EQ(Text(command.items[0].secret), "data");
  EXPECT_FALSE(command.items[0].context.has_value());
  ASSERT_OK_AND_ASSIGN(
      auto response,
      AnswerOf<v1::EncryptResponse>(ResultOf(Sealed(Header("head"), "leaf"))));
  EXPECT_EQ(response.name(), "demo/app");
  EXPECT_EQ(response.key_version(), 7u);
  EXPECT_EQ(response.ciphertext(), "headleaf");
}

TEST(WireDataTest, ARepeatedContextKeyIsPassedOnForTheServiceToRefuse) {
  v1::WrapRequest request;
  AddContext(&request, "a", "1");
  AddContext(&request, "a", "2");
  ASSERT_OK_AND_ASSIGN(auto command, ReadAs<model::SealCommand>(request));
  EXPECT_THAT(command.context, ElementsAre(Pair("a", "1"), Pair("a", "2")));
}

TEST(WireDataTest, AUnaryRequestFailsAsItsOneItemDid) {
  model::SealedItem item;
  item.status = Error(Reason::kDekSizeInvalid, "a DEK of 3 bytes");
  EXPECT_THAT(AnswerOf<v1::WrapResponse>(ResultOf(std::move(item))),
              HasReason(Reason::kDekSizeInvalid));
}

TEST(WireDataTest, AUnaryAnswerWithTwoItemsIsAFaultOfOurs) {
  model::OpenResult result;
  result.items.push_back(Opened("one"));
  result.items.push_back(Opened("two"));
  EXPECT_THAT(AnswerOf<v1::UnwrapResponse>(result),
              HasReason(Reason::kInternal));
}

TEST(WireDataTest, GenerateDataKeyGivesTheDekOnlyIfThereIsOne) {
  v1::GenerateDataKeyRequest request;
  request.set_dek_bytes(64);
  request.set_without_plaintext(true);
  ASSERT_OK_AND_ASSIGN(auto command, ReadAs<model::SealCommand>(request));
  EXPECT_EQ(command.dek_bytes, 64u);
  EXPECT_TRUE(command.without_plaintext);
  ASSERT_EQ(command.items.size(), 1u);
  ASSERT_OK_AND_ASSIGN(auto response, AnswerOf<v1::GenerateDataKeyResponse>(
                                          ResultOf(Sealed(Header("h"), "l"))));
  EXPECT_THAT(response.dek(), IsEmpty());
  EXPECT_EQ(response.wrapped_dek(), "hl");
  model::SealedItem with = Sealed(Header("h"), "l");
  with.dek = Secret("dek");
  ASSERT_OK_AND_ASSIGN(response, AnswerOf<v1::GenerateDataKeyResponse>(
                                     ResultOf(std::move(with))));
  EXPECT_EQ(response.dek(), "dek");
}

TEST(WireDataTest, ItemsOfABatchMayHaveTheirOwnContext) {
  v1::BatchWrapRequest request;
  request.set_name("demo/app");
  AddContext(&request, "all", "x");
  request.add_items()->set_dek("d1");
  auto* own = request.add_items();
  own->set_dek("d2");
  AddContext(own, "own", "y");
  ASSERT_OK_AND_ASSIGN(auto command, ReadAs<model::SealCommand>(request));
  EXPECT_FALSE(command.items[0].context.has_value());
  EXPECT_THAT(*command.items[1].context, ElementsAre(Pair("own", "y")));
}

TEST(WireDataTest, APlainBatchAnswerHasWholeTokensInTheirPlaces) {
  auto header = Header("H");
  model::SealResult result;
  result.items.push_back(Sealed(header, "1"));
  result.items.emplace_back().status = Error(Reason::kDekSizeInvalid, "no");
  result.items.push_back(Sealed(header, "3"));
  ASSERT_OK_AND_ASSIGN(auto response, AnswerOf<v1::BatchWrapResponse>(result));
  ASSERT_EQ(response.items_size(), 3);
  EXPECT_EQ(response.headers_size(), 0);
  EXPECT_EQ(response.items(0).token(), "H1");
  EXPECT_FALSE(response.items(0).has_status());
  EXPECT_EQ(response.items(1).status().reason(), "DEK_SIZE_INVALID");
  EXPECT_EQ(response.items(1).status().code(), 3);
  EXPECT_THAT(response.items(1).token(), IsEmpty());
  EXPECT_EQ(response.items(2).token(), "H3");
}

TEST(WireDataTest, ACompactBatchAnswerHasEachHeaderOnce) {
  auto first = Header("A");
  auto second = Header("B");
  model::SealResult result;
  result.items.push_back(Sealed(first, "1"));
  result.items.push_back(Sealed(second, "2"));
  result.items.push_back(Sealed(first, "3"));
  ASSERT_OK_AND_ASSIGN(auto response, AnswerOf<v1::BatchEncryptResponse>(
                                          result, /*compact=*/true));
  EXPECT_THAT(response.headers(), ElementsAre("A", "B"));
  std::vector<std::string> tokens;
  for (const auto& item : response.items()) {
    tokens.push_back(response.headers(static_cast<int>(item.header())) +
                     item.token());
  }
  EXPECT_THAT(tokens, ElementsAre("A1", "B2", "A3"));
}

TEST(WireDataTest, ARequestSaysWhetherItsAnswerIsToBeCompact) {
  for (const bool wanted : {true, false}) {
    v1::BatchWrapRequest request;
    request.set_compact(wanted);
    bool compact = !wanted;
    ASSERT_OK((ReadBytes<v1::BatchWrapRequest, model::SealCommand>(
        request.SerializeAsString(), &compact)));
    EXPECT_EQ(compact, wanted);
  }
}

TEST(WireDataTest, ABatchOfNothingButSecretsIsTheSameAsOneOfMore) {
  const std::string long_dek(300, 'd');
  for (const bool plain : {true, false}) {
    v1::BatchWrapRequest request;
    request.set_name("demo/app");
    AddContext(&request, "all", "x");
    request.set_request_id("0123456789abcdef");
    request.set_register_(true);
    (*request.mutable_about()->mutable_labels())["a"] = "b";
    request.add_items()->set_dek("d1");
    request.add_items()->set_dek(long_dek);
    request.add_items();
    if (!plain) request.mutable_items(1)->mutable_about();
    ASSERT_OK_AND_ASSIGN(auto command, ReadAs<model::SealCommand>(request));
    EXPECT_EQ(command.key_name, "demo/app");
    EXPECT_THAT(command.context, ElementsAre(Pair("all", "x")));
    EXPECT_TRUE(command.registers);
    EXPECT_EQ(AsText(command.request_id), "0123456789abcdef");
    EXPECT_THAT(command.about.labels, ElementsAre(Pair("a", "b")));
    ASSERT_EQ(command.items.size(), 3u);
    EXPECT_EQ(Text(command.items[0].secret), "d1");
    EXPECT_EQ(Text(command.items[1].secret), long_dek);
    EXPECT_TRUE(command.items[2].secret.empty());
    EXPECT_EQ(command.items[1].about.has_value(), !plain);
  }
}

TEST(WireDataTest, AnAnswerOfManyItemsReadsAsTheMessageItIs) {
  constexpr int kItems = 700;
  auto first = Header(std::string(92, 'A'));
  auto second = Header("B");
  for (const bool compact : {true, false}) {
    model::SealResult result;
    result.key_name = "demo/app";
    for (int i = 0; i < kItems; ++i) {
      if (i % 100 == 7) {
        result.items.emplace_back().status =
            Error(Reason::kDekSizeInvalid, "no");
        continue;
      }
      result.items.push_back(Sealed(i % 2 == 0 ? first : second,
                                    std::string(i, 'l'), 100'000 + i));
      if (i % 3 == 0)
        result.items.back().dek = Secret("dek" + std::to_string(i));
    }
    ASSERT_OK_AND_ASSIGN(
        auto response,
        AnswerOf<v1::BatchGenerateDataKeysResponse>(result, compact));
    EXPECT_EQ(response.name(), "demo/app");
    EXPECT_EQ(response.headers_size(), compact ? 2 : 0);
    ASSERT_EQ(response.items_size(), kItems);
    for (int i = 0; i < kItems; ++i) {
      const v1::SealedItem& item = response.items(i);
      if (i % 100 == 7) {
        EXPECT_EQ(item.status().reason(), "DEK_SIZE_INVALID") << i;
        EXPECT_THAT(item.token(), IsEmpty()) << i;
        continue;
      }
      EXPECT_FALSE(item.has_status()) << i;
      EXPECT_EQ(item.key_version(), 100'000u + i);
      EXPECT_EQ(item.dek(), i % 3 == 0 ? "dek" + std::to_string(i) : "") << i;
      const std::string header(AsText(i % 2 == 0 ? *first : *second));
      const std::string leaf(i, 'l');
      if (compact) {
        EXPECT_EQ(response.headers(static_cast<int>(item.header())), header);
      }
      EXPECT_EQ(item.token(), compact ? leaf : header + leaf) << i;
    }
  }
}

// Whatever is wrong with the bytes, the batch forms say what protobuf says.
TEST(WireDataTest, ABatchCutAnywhereIsRefusedExactlyIfItIsMalformed) {
  v1::BatchWrapRequest request;
  request.set_name("demo/app");
  request.add_items()->set_dek(std::string(32, 'd'));
  request.set_compact(true);
  AddContext(&request, "key", "value");
  request.add_items()->set_dek("2");
  const std::string whole = request.SerializeAsString();
  const auto read = [](const std::string& bytes) {
    return ReadBytes<v1::BatchWrapRequest, model::SealCommand>(bytes).status();
  };
  for (size_t size = 0; size <= whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    if (v1::BatchWrapRequest().ParseFromString(cut)) {
      EXPECT_OK(read(cut)) << size;
    } else {
      EXPECT_THAT(read(cut), HasReason(Reason::kMalformed)) << size;
    }
  }
  for (const char* bytes :
       {"\x12\x06\x0a\xff\xff\xff\xff\x07",  // a secret of 2 GiB
        "\x12\x03\x0a\x01\x61\x12",          // an item that begins
        "\x0a\x01\xff",                      // a name not UTF-8
        "\x13\x14\x0b"}) {                   // groups, ill nested
    EXPECT_THAT(read(bytes), HasReason(Reason::kMalformed));
  }
}

TEST(WireDataTest, ATextThatIsNotUtf8IsMalformed) {
  v1::WrapRequest request;
  request.set_name("a");
  std::string bytes = request.SerializeAsString();
  bytes.back() = '\xc0';
  EXPECT_THAT((ReadBytes<v1::WrapRequest, model::SealCommand>(bytes)),
              HasReason(Reason::kMalformed, HasSubstr("WrapRequest")));
}

TEST(WireDataTest, BatchGenerateAsksForAsManyAsCount) {
  v1::BatchGenerateDataKeysRequest request;
  request.set_count(5);
  ASSERT_OK_AND_ASSIGN(auto command, ReadAs<model::SealCommand>(request));
  EXPECT_EQ(command.items.size(), 5u);
}

TEST(WireDataTest, ACountOfFourBillionIsRefusedBeforeItCostsMemory) {
  v1::BatchGenerateDataKeysRequest request;
  request.set_count(0xffffffff);
  EXPECT_THAT(ReadAs<model::SealCommand>(request),
              HasReason(Reason::kRequestTooLarge));
}

TEST(WireDataTest, MoreItemsThanABatchMayHaveAreRefusedInEveryBatchForm) {
  const int kTooMany = static_cast<int>(model::kMaxBatchRequestItems) + 1;
  const auto many = [&](auto request) {
    for (int i = 0; i < kTooMany; ++i) request.add_items();
    return request;
  };
  v1::BatchRewrapRequest rewrap;
  for (int i = 0; i < kTooMany; ++i) rewrap.add_tokens("t");
  const auto too_large = HasReason(Reason::kRequestTooLarge);
  EXPECT_THAT(ReadAs<model::SealCommand>(many(v1::BatchEncryptRequest())),
              too_large);
  EXPECT_THAT(ReadAs<model::SealCommand>(many(v1::BatchWrapRequest())),
              too_large);
  EXPECT_THAT(ReadAs<model::OpenCommand>(many(v1::BatchDecryptRequest())),
              too_large);
  EXPECT_THAT(ReadAs<model::OpenCommand>(many(v1::BatchUnwrapRequest())),
              too_large);
  EXPECT_THAT(ReadAs<model::RewrapCommand>(rewrap), too_large);
}

TEST(WireDataTest, DecryptPassesTheTokenOnAndGivesThePlaintext) {
  v1::DecryptRequest request;
  request.set_name("demo/app");
  request.set_ciphertext("token");
  AddContext(&request, "a", "1");
  ASSERT_OK_AND_ASSIGN(auto command, ReadAs<model::OpenCommand>(request));
  EXPECT_EQ(command.key_name, "demo/app");
  EXPECT_EQ(AsText(command.items[0].token), "token");
  EXPECT_THAT(command.context, ElementsAre(Pair("a", "1")));
  model::OpenResult result;
  result.items.push_back(Opened("plain"));
  ASSERT_OK_AND_ASSIGN(auto response, AnswerOf<v1::DecryptResponse>(result));
  EXPECT_EQ(response.plaintext(), "plain");
  EXPECT_EQ(response.name(), "demo/app");
  EXPECT_EQ(response.key_version(), 3u);
}

TEST(WireDataTest, AnUnwrapMayNameAnId) {
  v1::UnwrapRequest request;
  request.set_dek_id("an id");
  ASSERT_OK_AND_ASSIGN(auto one, ReadAs<model::OpenCommand>(request));
  EXPECT_EQ(one.items[0].dek_id, "an id");
  EXPECT_TRUE(one.items[0].token.empty());
  v1::BatchUnwrapRequest batch;
  batch.add_items()->set_dek_id("x");
  batch.add_items()->set_wrapped_dek("y");
  ASSERT_OK_AND_ASSIGN(auto two, ReadAs<model::OpenCommand>(batch));
  EXPECT_EQ(two.items[0].dek_id, "x");
  EXPECT_EQ(two.items[1].dek_id, "");
  EXPECT_EQ(AsText(two.items[1].token), "y");
}

TEST(WireDataTest, ABatchUnwrapAnswersEachItemInItsPlace) {
  model::OpenResult result;
  result.items.push_back(Opened("k1"));
  result.items.emplace_back().status =
      Error(Reason::kNotAuthentic, "does not open with this context");
  ASSERT_OK_AND_ASSIGN(auto response,
                       AnswerOf<v1::BatchUnwrapResponse>(result));
  EXPECT_EQ(response.items(0).secret(), "k1");
  EXPECT_EQ(response.items(1).status().reason(), "NOT_AUTHENTIC");
  EXPECT_THAT(response.items(1).secret(), IsEmpty());
}

TEST(WireDataTest, ABatchItemsFaultOfOursDoesNotTellItsCause) {
  model::OpenResult result;
  result.items.emplace_back().status = Error(Reason::kInternal, "invariant 17");
  ASSERT_OK_AND_ASSIGN(auto response,
                       AnswerOf<v1::BatchDecryptResponse>(result));
  EXPECT_EQ(response.items(0).status().reason(), "INTERNAL");
  EXPECT_THAT(response.items(0).status().message(),
              Not(HasSubstr("invariant")));
  EXPECT_THAT(response.items(0).status().message(), HasSubstr(kRequestId));
}

TEST(WireDataTest, RewrapTellsBothVersions) {
  v1::BatchRewrapRequest batch;
  batch.set_name("demo/app");
  batch.add_tokens("a");
  batch.add_tokens("b");
  ASSERT_OK_AND_ASSIGN(auto command, ReadAs<model::RewrapCommand>(batch));
  EXPECT_EQ(command.key_name, "demo/app");
  model::RewrapResult result;
  for (const Bytes& token : command.tokens) {
    result.items.push_back({.status = OkStatus(),
                            .key_name = "demo/app",
                            .key_version = 2,
                            .previous_key_version = 1,
                            .token = token});
  }
  ASSERT_OK_AND_ASSIGN(auto many, AnswerOf<v1::BatchRewrapResponse>(result));
  EXPECT_EQ(many.items(1).token(), "b");
  result.items.pop_back();
  ASSERT_OK_AND_ASSIGN(auto one, AnswerOf<v1::RewrapResponse>(result));
  EXPECT_EQ(one.key_version(), 2u);
  EXPECT_EQ(one.previous_key_version(), 1u);
  EXPECT_EQ(one.token(), "a");
}

TEST(WireDataTest, AWrapIsToldWhetherAndHowToRegister) {
  v1::WrapRequest request;
  ASSERT_OK_AND_ASSIGN(auto without, ReadAs<model::SealCommand>(request));
  EXPECT_FALSE(without.registers);
  EXPECT_TRUE(without.request_id.empty());
  request.set_register_(true);
  (*request.mutable_about()->mutable_labels())["env"] = "prod";
  request.mutable_about()->set_reference("vol-1");
  request.set_request_id(std::string(16, 'x'));
  ASSERT_OK_AND_ASSIGN(auto command, ReadAs<model::SealCommand>(request));
  EXPECT_TRUE(command.registers);
  EXPECT_THAT(command.about.labels, ElementsAre(Pair("env", "prod")));
  EXPECT_EQ(command.about.reference, "vol-1");
  EXPECT_EQ(command.request_id, Bytes(16, 'x'));
}

TEST(WireDataTest, ItemsOfABatchMayHaveTheirOwnLabels) {
  v1::BatchWrapRequest request;
  request.set_register_(true);
  request.mutable_about()->set_reference("all");
  request.add_items();
  request.add_items()->mutable_about()->set_reference("its own");
  ASSERT_OK_AND_ASSIGN(auto command, ReadAs<model::SealCommand>(request));
  EXPECT_EQ(command.about.reference, "all");
  EXPECT_FALSE(command.items[0].about.has_value());
  EXPECT_EQ(command.items[1].about->reference, "its own");
}

TEST(WireDataTest, DataKeysAreRegisteredToo) {
  v1::GenerateDataKeyRequest request;
  request.set_register_(true);
  ASSERT_OK_AND_ASSIGN(auto one, ReadAs<model::SealCommand>(request));
  EXPECT_TRUE(one.registers);
  v1::BatchGenerateDataKeysRequest batch;
  batch.set_register_(true);
  batch.set_count(2);
  batch.set_request_id("short");
  ASSERT_OK_AND_ASSIGN(auto many, ReadAs<model::SealCommand>(batch));
  EXPECT_TRUE(many.registers);
  EXPECT_EQ(many.request_id.size(), 5u) << "the service judges it";
}

TEST(WireDataTest, AnswersSayTheIdsOfRegisteredDeks) {
  constexpr char kDekId[] = "00000000-0000-0000-0000-000000000000:7";
  const auto registered = [] {
    model::SealedItem item = Sealed(Header("h"), "l");
    item.id = model::DekId{Uuid(), 7};
    return ResultOf(std::move(item));
  };
  EXPECT_EQ(AnswerOf<v1::WrapResponse>(registered())->dek_id(), kDekId);
  EXPECT_EQ(AnswerOf<v1::GenerateDataKeyResponse>(registered())->dek_id(),
            kDekId);
  EXPECT_EQ(AnswerOf<v1::BatchWrapResponse>(registered())->items(0).dek_id(),
            kDekId);
  EXPECT_EQ(AnswerOf<v1::BatchGenerateDataKeysResponse>(registered())
                ->items(0)
                .dek_id(),
            kDekId);
}

TEST(WipeSecretsTest, WipesEveryPlaintextFieldAndNothingElse) {
  v1::BatchWrapRequest request;
  request.set_name("n");
  request.add_items()->set_dek("secret");
  wire::WipeSecrets(&request);
  EXPECT_THAT(request.items(0).dek(), IsEmpty());
  EXPECT_EQ(request.name(), "n");
  v1::BatchUnwrapResponse response;
  response.add_items()->set_secret("secret");
  wire::WipeSecrets(&response);
  EXPECT_THAT(response.items(0).secret(), IsEmpty());
  v1::EncryptRequest encrypt;
  encrypt.set_plaintext("secret");
  wire::WipeSecrets(&encrypt);
  EXPECT_THAT(encrypt.plaintext(), IsEmpty());
}

}  // namespace
}  // namespace strongroom::testing
