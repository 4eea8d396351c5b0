// The data plane's translation, in both directions.
// Long because each method has a request, an answer and its refusals.
#include <gmock/gmock.h>

#include "tests/rpc/edge_fixture.h"

namespace strongroom::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
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

service::SealedItem Sealed(std::shared_ptr<const Bytes> header,
                           std::string_view leaf, uint32_t version = 7) {
  service::SealedItem item;
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

class DataMethodsTest : public EdgeTest {
 protected:
  // Keeps the last command, answers with these.
  void AnswerSeal(std::vector<service::SealedItem> items) {
    auto shared =
        std::make_shared<std::vector<service::SealedItem>>(std::move(items));
    fake_.seal =
        [this, shared](
            service::SealCommand& command) -> StatusOr<service::SealResult> {
      sealed_ = std::move(command);
      service::SealResult result;
      result.key_name = "demo/app";
      result.items = std::move(*shared);
      return result;
    };
  }
  void AnswerOpen(std::vector<service::OpenedItem> items) {
    auto shared =
        std::make_shared<std::vector<service::OpenedItem>>(std::move(items));
    fake_.open =
        [this, shared](
            service::OpenCommand& command) -> StatusOr<service::OpenResult> {
      opened_ = std::move(command);
      service::OpenResult result;
      result.items = std::move(*shared);
      return result;
    };
  }
  static service::OpenedItem Opened(std::string_view secret) {
    service::OpenedItem item;
    item.key_name = "demo/app";
    item.key_version = 3;
    item.secret = Secret(secret);
    return item;
  }

  service::SealCommand sealed_;
  service::OpenCommand opened_;
  grpc::ClientContext context_;
};

TEST_F(DataMethodsTest, EncryptPassesPlaintextAndContextOn) {
  AnswerSeal([] {
    std::vector<service::SealedItem> items;
    items.push_back(Sealed(Header("head"), "leaf"));
    return items;
  }());
  v1::EncryptRequest request;
  request.set_name("demo/app");
  request.set_plaintext("data");
  AddContext(&request, "b", "2");
  AddContext(&request, "a", "1");
  v1::EncryptResponse response;
  ASSERT_TRUE(keys_->Encrypt(&context_, request, &response).ok());
  EXPECT_EQ(response.name(), "demo/app");
  EXPECT_EQ(response.key_version(), 7u);
  EXPECT_EQ(response.ciphertext(), "headleaf");
  EXPECT_EQ(sealed_.key_name, "demo/app");
  EXPECT_THAT(sealed_.context, ElementsAre(Pair("b", "2"), Pair("a", "1")));
  ASSERT_EQ(sealed_.items.size(), 1u);
  EXPECT_EQ(Text(sealed_.items[0].secret), "data");
  EXPECT_FALSE(sealed_.items[0].context.has_value());
}

TEST_F(DataMethodsTest, ARepeatedContextKeyIsPassedOnForTheServiceToRefuse) {
  std::vector<service::SealedItem> items;
  items.push_back(Sealed(Header("h"), "l"));
  AnswerSeal(std::move(items));
  v1::WrapRequest request;
  AddContext(&request, "a", "1");
  AddContext(&request, "a", "2");
  v1::WrapResponse response;
  ASSERT_TRUE(keys_->Wrap(&context_, request, &response).ok());
  EXPECT_THAT(sealed_.context, ElementsAre(Pair("a", "1"), Pair("a", "2")));
}

TEST_F(DataMethodsTest, AUnaryRequestFailsAsItsOneItemDid) {
  std::vector<service::SealedItem> items(1);
  items[0].status = Error(Reason::kDekSizeInvalid, "a DEK of 3 bytes");
  AnswerSeal(std::move(items));
  v1::WrapResponse response;
  grpc::Status status = keys_->Wrap(&context_, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "DEK_SIZE_INVALID");
}

TEST_F(DataMethodsTest, AUnaryAnswerWithTwoItemsIsAFaultOfOurs) {
  std::vector<service::OpenedItem> items;
  items.push_back(Opened("one"));
  items.push_back(Opened("two"));
  AnswerOpen(std::move(items));
  v1::UnwrapResponse response;
  EXPECT_EQ(keys_->Unwrap(&context_, {}, &response).error_code(),
            grpc::StatusCode::INTERNAL);
  EXPECT_THAT(response.dek(), IsEmpty());
}

TEST_F(DataMethodsTest, GenerateDataKeyGivesTheDekOnlyIfThereIsOne) {
  std::vector<service::SealedItem> items;
  items.push_back(Sealed(Header("h"), "l"));
  AnswerSeal(std::move(items));
  v1::GenerateDataKeyRequest request;
  request.set_dek_bytes(64);
  request.set_without_plaintext(true);
  v1::GenerateDataKeyResponse response;
  ASSERT_TRUE(keys_->GenerateDataKey(&context_, request, &response).ok());
  EXPECT_EQ(sealed_.dek_bytes, 64u);
  EXPECT_TRUE(sealed_.without_plaintext);
  EXPECT_THAT(response.dek(), IsEmpty());
  EXPECT_EQ(response.wrapped_dek(), "hl");
}

TEST_F(DataMethodsTest, APlainBatchAnswerHasWholeTokensInTheirPlaces) {
  auto header = Header("H");
  std::vector<service::SealedItem> items;
  items.push_back(Sealed(header, "1"));
  items.emplace_back().status = Error(Reason::kDekSizeInvalid, "no");
  items.push_back(Sealed(header, "3"));
  AnswerSeal(std::move(items));
  v1::BatchWrapRequest request;
  request.set_name("demo/app");
  AddContext(&request, "all", "x");
  request.add_items()->set_dek("d1");
  auto* own = request.add_items();
  own->set_dek("d2");
  AddContext(own, "own", "y");
  v1::BatchWrapResponse response;
  ASSERT_TRUE(keys_->BatchWrap(&context_, request, &response).ok());
  EXPECT_FALSE(sealed_.items[0].context.has_value());
  EXPECT_THAT(*sealed_.items[1].context, ElementsAre(Pair("own", "y")));
  ASSERT_EQ(response.items_size(), 3);
  EXPECT_EQ(response.headers_size(), 0);
  EXPECT_EQ(response.items(0).token(), "H1");
  EXPECT_FALSE(response.items(0).has_status());
  EXPECT_EQ(response.items(1).status().reason(), "DEK_SIZE_INVALID");
  EXPECT_EQ(response.items(1).status().code(), 3);
  EXPECT_THAT(response.items(1).token(), IsEmpty());
  EXPECT_EQ(response.items(2).token(), "H3");
}

TEST_F(DataMethodsTest, ACompactBatchAnswerHasEachHeaderOnce) {
  auto first = Header("A");
  auto second = Header("B");
  std::vector<service::SealedItem> items;
  items.push_back(Sealed(first, "1"));
  items.push_back(Sealed(second, "2"));
  items.push_back(Sealed(first, "3"));
  AnswerSeal(std::move(items));
  v1::BatchEncryptRequest request;
  request.set_compact(true);
  request.add_items()->set_plaintext("p");
  v1::BatchEncryptResponse response;
  ASSERT_TRUE(keys_->BatchEncrypt(&context_, request, &response).ok());
  EXPECT_THAT(response.headers(), ElementsAre("A", "B"));
  std::vector<std::string> tokens;
  for (const auto& item : response.items()) {
    tokens.push_back(response.headers(static_cast<int>(item.header())) +
                     item.token());
  }
  EXPECT_THAT(tokens, ElementsAre("A1", "B2", "A3"));
}

TEST_F(DataMethodsTest, ABatchOfNothingButSecretsIsTheSameAsOneOfMore) {
  const std::string long_dek(300, 'd');
  for (const bool plain : {true, false}) {
    AnswerSeal(std::vector<service::SealedItem>(3));
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
    grpc::ClientContext context;
    v1::BatchWrapResponse response;
    fake_.seal = [this, seal = fake_.seal](service::SealCommand& command) {
      auto result = seal(command);
      for (auto& item : result->items) {
        item.status = Error(Reason::kDekSizeInvalid, "no");
      }
      return result;
    };
    ASSERT_TRUE(keys_->BatchWrap(&context, request, &response).ok());
    EXPECT_EQ(sealed_.key_name, "demo/app");
    EXPECT_THAT(sealed_.context, ElementsAre(Pair("all", "x")));
    EXPECT_TRUE(sealed_.registers);
    EXPECT_EQ(AsText(sealed_.request_id), "0123456789abcdef");
    EXPECT_THAT(sealed_.about.labels, ElementsAre(Pair("a", "b")));
    ASSERT_EQ(sealed_.items.size(), 3u);
    EXPECT_EQ(Text(sealed_.items[0].secret), "d1");
    EXPECT_EQ(Text(sealed_.items[1].secret), long_dek);
    EXPECT_TRUE(sealed_.items[2].secret.empty());
    EXPECT_EQ(sealed_.items[1].about.has_value(), !plain);
    EXPECT_EQ(response.items(2).status().reason(), "DEK_SIZE_INVALID");
  }
}

TEST_F(DataMethodsTest, AnAnswerOfManyItemsReadsAsTheMessageItIs) {
  constexpr int kItems = 700;
  auto first = Header(std::string(92, 'A'));
  auto second = Header("B");
  for (const bool compact : {true, false}) {
    std::vector<service::SealedItem> items;
    for (int i = 0; i < kItems; ++i) {
      if (i % 100 == 7) {
        items.emplace_back().status = Error(Reason::kDekSizeInvalid, "no");
        continue;
      }
      items.push_back(Sealed(i % 2 == 0 ? first : second, std::string(i, 'l'),
                             100'000 + i));
      if (i % 3 == 0) items.back().dek = Secret("dek" + std::to_string(i));
    }
    AnswerSeal(std::move(items));
    v1::BatchGenerateDataKeysRequest request;
    request.set_compact(compact);
    v1::BatchGenerateDataKeysResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(
        keys_->BatchGenerateDataKeys(&context, request, &response).ok());
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
TEST_F(DataMethodsTest, ABatchCutAnywhereIsRefusedExactlyIfItIsMalformed) {
  v1::BatchWrapRequest request;
  request.set_name("demo/app");
  request.add_items()->set_dek(std::string(32, 'd'));
  request.set_compact(true);
  AddContext(&request, "key", "value");
  request.add_items()->set_dek("2");
  const std::string whole = request.SerializeAsString();
  fake_.seal = [](service::SealCommand&) -> StatusOr<service::SealResult> {
    return Error(Reason::kKeyNotFound, "reached");
  };
  for (size_t size = 0; size <= whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    const bool good = v1::BatchWrapRequest().ParseFromString(cut);
    EXPECT_EQ(ErrorInfoOf(SendRaw("KeyService/BatchWrap", cut)).reason(),
              good ? "KEY_NOT_FOUND" : "MALFORMED")
        << size;
  }
  for (const char* bytes :
       {"\x12\x06\x0a\xff\xff\xff\xff\x07",  // a secret of 2 GiB
        "\x12\x03\x0a\x01\x61\x12",          // an item that begins
        "\x0a\x01\xff",                      // a name not UTF-8
        "\x13\x14\x0b"}) {                   // groups, ill nested
    EXPECT_EQ(ErrorInfoOf(SendRaw("KeyService/BatchWrap", bytes)).reason(),
              "MALFORMED");
  }
}

TEST_F(DataMethodsTest, BatchGenerateAsksForAsManyAsCount) {
  std::vector<service::SealedItem> items;
  items.push_back(Sealed(Header("H"), "1"));
  items[0].dek = Secret("dek");
  AnswerSeal(std::move(items));
  v1::BatchGenerateDataKeysRequest request;
  request.set_count(5);
  v1::BatchGenerateDataKeysResponse response;
  ASSERT_TRUE(keys_->BatchGenerateDataKeys(&context_, request, &response).ok());
  EXPECT_EQ(sealed_.items.size(), 5u);
  EXPECT_EQ(response.items(0).dek(), "dek");
}

TEST_F(DataMethodsTest, ACountOfFourBillionIsRefusedBeforeItCostsMemory) {
  v1::BatchGenerateDataKeysRequest request;
  request.set_count(0xffffffff);
  v1::BatchGenerateDataKeysResponse response;
  grpc::Status status =
      keys_->BatchGenerateDataKeys(&context_, request, &response);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "REQUEST_TOO_LARGE");
  EXPECT_EQ(fake_.refusals().size(), 1u);
}

TEST_F(DataMethodsTest, MoreItemsThanABatchMayHaveAreRefusedInEveryBatchForm) {
  const int kTooMany = static_cast<int>(service::kMaxBatchRequestItems) + 1;
  auto many = [&](auto request) {
    for (int i = 0; i < kTooMany; ++i) request.add_items();
    return request.SerializeAsString();
  };
  v1::BatchRewrapRequest rewrap;
  for (int i = 0; i < kTooMany; ++i) rewrap.add_tokens("t");
  for (const auto& [method, bytes] :
       std::vector<std::pair<std::string, std::string>>{
           {"BatchEncrypt", many(v1::BatchEncryptRequest())},
           {"BatchDecrypt", many(v1::BatchDecryptRequest())},
           {"BatchWrap", many(v1::BatchWrapRequest())},
           {"BatchUnwrap", many(v1::BatchUnwrapRequest())},
           {"BatchRewrap", rewrap.SerializeAsString()}}) {
    grpc::Status status = SendRaw("KeyService/" + method, bytes);
    EXPECT_EQ(ErrorInfoOf(status).reason(), "REQUEST_TOO_LARGE") << method;
  }
}

TEST_F(DataMethodsTest, DecryptPassesTheTokenOnAndGivesThePlaintext) {
  std::vector<service::OpenedItem> items;
  items.push_back(Opened("plain"));
  AnswerOpen(std::move(items));
  v1::DecryptRequest request;
  request.set_name("demo/app");
  request.set_ciphertext("token");
  AddContext(&request, "a", "1");
  v1::DecryptResponse response;
  ASSERT_TRUE(keys_->Decrypt(&context_, request, &response).ok());
  EXPECT_EQ(response.plaintext(), "plain");
  EXPECT_EQ(response.name(), "demo/app");
  EXPECT_EQ(response.key_version(), 3u);
  EXPECT_EQ(opened_.key_name, "demo/app");
  EXPECT_EQ(AsText(opened_.items[0].token), "token");
  EXPECT_THAT(opened_.context, ElementsAre(Pair("a", "1")));
}

TEST_F(DataMethodsTest, ABatchUnwrapAnswersEachItemInItsPlace) {
  std::vector<service::OpenedItem> items;
  items.push_back(Opened("k1"));
  items.emplace_back().status =
      Error(Reason::kNotAuthentic, "does not open with this context");
  AnswerOpen(std::move(items));
  v1::BatchUnwrapRequest request;
  request.add_items()->set_wrapped_dek("t1");
  request.add_items()->set_wrapped_dek("t2");
  v1::BatchUnwrapResponse response;
  ASSERT_TRUE(keys_->BatchUnwrap(&context_, request, &response).ok());
  EXPECT_EQ(response.items(0).secret(), "k1");
  EXPECT_EQ(response.items(1).status().reason(), "NOT_AUTHENTIC");
  EXPECT_THAT(response.items(1).secret(), IsEmpty());
}

TEST_F(DataMethodsTest, ABatchItemsFaultOfOursDoesNotTellItsCause) {
  std::vector<service::OpenedItem> items(1);
  items[0].status = Error(Reason::kInternal, "invariant 17");
  AnswerOpen(std::move(items));
  v1::BatchDecryptRequest request;
  request.add_items()->set_ciphertext("t");
  v1::BatchDecryptResponse response;
  ASSERT_TRUE(keys_->BatchDecrypt(&context_, request, &response).ok());
  EXPECT_EQ(response.items(0).status().reason(), "INTERNAL");
  EXPECT_EQ(response.items(0).status().message().find("invariant"),
            std::string::npos);
}

TEST_F(DataMethodsTest, RewrapTellsBothVersions) {
  fake_.rewrap =
      [](service::RewrapCommand& command) -> StatusOr<service::RewrapResult> {
    EXPECT_EQ(command.key_name, "demo/app");
    service::RewrapResult result;
    for (const Bytes& token : command.tokens) {
      result.items.push_back({.status = OkStatus(),
                              .key_name = "demo/app",
                              .key_version = 2,
                              .previous_key_version = 1,
                              .token = token});
    }
    return result;
  };
  v1::RewrapRequest request;
  request.set_name("demo/app");
  request.set_token("t");
  v1::RewrapResponse response;
  ASSERT_TRUE(keys_->Rewrap(&context_, request, &response).ok());
  EXPECT_EQ(response.key_version(), 2u);
  EXPECT_EQ(response.previous_key_version(), 1u);
  EXPECT_EQ(response.token(), "t");
  grpc::ClientContext batch_context;
  v1::BatchRewrapRequest batch;
  batch.set_name("demo/app");
  batch.add_tokens("a");
  batch.add_tokens("b");
  v1::BatchRewrapResponse batch_response;
  ASSERT_TRUE(keys_->BatchRewrap(&batch_context, batch, &batch_response).ok());
  EXPECT_EQ(batch_response.items(1).token(), "b");
}

TEST(WipeSecretsTest, WipesEveryPlaintextFieldAndNothingElse) {
  v1::BatchWrapRequest request;
  request.set_name("n");
  request.add_items()->set_dek("secret");
  rpc::WipeSecrets(&request);
  EXPECT_THAT(request.items(0).dek(), IsEmpty());
  EXPECT_EQ(request.name(), "n");
  v1::BatchUnwrapResponse response;
  response.add_items()->set_secret("secret");
  rpc::WipeSecrets(&response);
  EXPECT_THAT(response.items(0).secret(), IsEmpty());
  v1::EncryptRequest encrypt;
  encrypt.set_plaintext("secret");
  rpc::WipeSecrets(&encrypt);
  EXPECT_THAT(encrypt.plaintext(), IsEmpty());
}

TEST(WipeBufferTest, OverwritesTheReceivedBytes) {
  std::string memory(64, 's');
  grpc::Slice slice(memory.data(), memory.size(), grpc::Slice::STATIC_SLICE);
  grpc::ByteBuffer buffer(&slice, 1);
  rpc::WipeBuffer(buffer);
  EXPECT_EQ(memory, std::string(64, '\0'));
}

}  // namespace
}  // namespace strongroom::testing
