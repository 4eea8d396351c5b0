#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/client_fixture.h"

namespace strongroom::client {
namespace {

using testing::HasReason;
using ::testing::HasSubstr;

class DataCallsTest : public testing::ClientTest {
 protected:
  static Bytes Of(std::string_view text) { return ToBytes(AsBytes(text)); }
  static SecretBytes Secret(std::string_view text) {
    return SecretBytes::CopyOf(AsBytes(text));
  }
  static std::vector<SecretBytes> Secrets(
      std::initializer_list<std::string_view> texts) {
    std::vector<SecretBytes> all;
    for (std::string_view text : texts) all.push_back(Secret(text));
    return all;
  }
  static std::string Text(const SecretBytes& secret) {
    return std::string(AsText(secret.Expose()));
  }
};

TEST_F(DataCallsTest, WrapSendsKeyDekAndContextAndGivesTheToken) {
  service_.data.on_Wrap = [](const v1::WrapRequest& request,
                             v1::WrapResponse* response) {
    EXPECT_EQ(request.name(), "pay/cards");
    EXPECT_EQ(request.dek(), "sixteen bytes ok");
    ASSERT_EQ(request.encryption_context_size(), 2);
    EXPECT_EQ(request.encryption_context(1).key(), "b");
    EXPECT_EQ(request.encryption_context(1).value(), "2");
    response->set_wrapped_dek("wrapped");
    response->set_key_version(7);
  };
  ASSERT_OK_AND_ASSIGN(Sealed sealed,
                       client_->Wrap("pay/cards", Secret("sixteen bytes ok"),
                                     {{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(sealed.token, Of("wrapped"));
  EXPECT_EQ(sealed.key_version, 7u);
}

TEST_F(DataCallsTest, DecryptGivesTheSecretAndTheKeyThatOpenedIt) {
  service_.data.on_Decrypt = [](const v1::DecryptRequest& request,
                                v1::DecryptResponse* response) {
    EXPECT_EQ(request.name(), "expected/key");
    EXPECT_EQ(request.ciphertext(), "token");
    response->set_name("expected/key");
    response->set_key_version(3);
    response->set_plaintext("plain");
  };
  ASSERT_OK_AND_ASSIGN(Opened opened,
                       client_->Decrypt(Of("token"), {}, "expected/key"));
  EXPECT_EQ(Text(opened.secret), "plain");
  EXPECT_EQ(opened.key_name, "expected/key");
  EXPECT_EQ(opened.key_version, 3u);
}

TEST_F(DataCallsTest, ADataKeyComesWithoutItsPlaintextIfThatIsWanted) {
  service_.data.on_GenerateDataKey =
      [](const v1::GenerateDataKeyRequest& request,
         v1::GenerateDataKeyResponse* response) {
        EXPECT_TRUE(request.without_plaintext());
        EXPECT_EQ(request.dek_bytes(), 64u);
        response->set_wrapped_dek("w");
      };
  ASSERT_OK_AND_ASSIGN(DataKey key,
                       client_->GenerateDataKey("a", 64, false, {}));
  EXPECT_TRUE(key.dek.empty());
  EXPECT_EQ(key.wrapped_dek, Of("w"));
}

TEST_F(DataCallsTest, RewrapTellsBothVersions) {
  service_.data.on_Rewrap = [](const v1::RewrapRequest& request,
                               v1::RewrapResponse* response) {
    EXPECT_EQ(request.token(), "old");
    response->set_token("new");
    response->set_name("a");
    response->set_key_version(2);
    response->set_previous_key_version(1);
  };
  ASSERT_OK_AND_ASSIGN(Rewrapped result, client_->Rewrap(Of("old")));
  EXPECT_EQ(result.token, Of("new"));
  EXPECT_EQ(result.key_name, "a");
  EXPECT_EQ(result.key_version, 2u);
  EXPECT_EQ(result.previous_key_version, 1u);
}

TEST_F(DataCallsTest, CompactAnswersAreJoinedEachWithItsHeader) {
  service_.data.on_BatchWrap = [](const v1::BatchWrapRequest& request,
                                  v1::BatchWrapResponse* response) {
    EXPECT_TRUE(request.compact());
    EXPECT_EQ(request.items(2).dek(), "third");
    response->add_headers("H0-");
    response->add_headers("H1-");
    for (uint32_t header : {1u, 0u, 1u}) {
      v1::SealedItem* item = response->add_items();
      item->set_token("leaf" + std::to_string(response->items_size()));
      item->set_header(header);
      item->set_key_version(header + 1);
    }
  };
  ASSERT_OK_AND_ASSIGN(
      auto all,
      client_->BatchWrap("a", Secrets({"first", "second", "third"}), {}));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0]->token, Of("H1-leaf1"));
  EXPECT_EQ(all[1]->token, Of("H0-leaf2"));
  EXPECT_EQ(all[2]->token, Of("H1-leaf3"));
  EXPECT_EQ(all[1]->key_version, 1u);
}

TEST_F(DataCallsTest, AnAnswerWithoutHeadersIsThePlainForm) {
  service_.data.on_BatchEncrypt = [](const v1::BatchEncryptRequest&,
                                     v1::BatchEncryptResponse* response) {
    response->add_items()->set_token("complete");
  };
  ASSERT_OK_AND_ASSIGN(auto all,
                       client_->BatchEncrypt("a", Secrets({"x"}), {}));
  EXPECT_EQ(all[0]->token, Of("complete"));
}

TEST_F(DataCallsTest, AHeaderThatIsNotThereIsAFaultOfTheService) {
  service_.data.on_BatchWrap = [](const v1::BatchWrapRequest&,
                                  v1::BatchWrapResponse* response) {
    response->add_headers("H0-");
    response->add_items()->set_header(1);
  };
  ASSERT_OK_AND_ASSIGN(auto all, client_->BatchWrap("a", Secrets({"x"}), {}));
  EXPECT_THAT(all[0], HasReason(Reason::kInternal, HasSubstr("header 1")));
}

TEST_F(DataCallsTest, TooFewAndTooManyAnswersAreRefusedForEveryBatch) {
  auto two = [](const auto&, auto* response) {
    response->add_items();
    response->add_items();
  };
  service_.data.on_BatchWrap = two;
  service_.data.on_BatchEncrypt = two;
  service_.data.on_BatchUnwrap = two;
  service_.data.on_BatchDecrypt = two;
  service_.data.on_BatchRewrap = two;
  service_.data.on_BatchGenerateDataKeys = two;
  const std::vector<Bytes> one(1), three(3);
  auto fault = HasReason(Reason::kInternal, HasSubstr("answered 2 items"));
  EXPECT_THAT(client_->BatchWrap("a", Secrets({"x"}), {}), fault);
  EXPECT_THAT(client_->BatchEncrypt("a", Secrets({"x", "y", "z"}), {}), fault);
  EXPECT_THAT(client_->BatchUnwrap(one, {}), fault);
  EXPECT_THAT(client_->BatchDecrypt(three, {}), fault);
  EXPECT_THAT(client_->BatchRewrap(one), fault);
  EXPECT_THAT(client_->BatchGenerateDataKeys("a", 3, 32, true, {}), fault);
}

TEST_F(DataCallsTest, EachItemFailsForItself) {
  service_.data.on_BatchUnwrap = [](const v1::BatchUnwrapRequest& request,
                                    v1::BatchUnwrapResponse* response) {
    for (const auto& item : request.items()) {
      v1::OpenedItem* out = response->add_items();
      if (item.wrapped_dek() == "good") {
        out->set_secret("dek");
        out->set_name("a");
        continue;
      }
      out->mutable_status()->set_code(3);
      out->mutable_status()->set_reason("NOT_AUTHENTIC");
      out->mutable_status()->set_message("does not open");
    }
  };
  ASSERT_OK_AND_ASSIGN(auto all,
                       client_->BatchUnwrap({Of("bad"), Of("good")}, {}));
  EXPECT_THAT(all[0], HasReason(Reason::kNotAuthentic));
  ASSERT_OK(all[1]);
  EXPECT_EQ(Text(all[1]->secret), "dek");
}

TEST_F(DataCallsTest, BatchDataKeysCarryTheirDeks) {
  service_.data.on_BatchGenerateDataKeys =
      [](const v1::BatchGenerateDataKeysRequest& request,
         v1::BatchGenerateDataKeysResponse* response) {
        EXPECT_EQ(request.count(), 1u);
        EXPECT_FALSE(request.without_plaintext());
        response->add_headers("H-");
        v1::SealedItem* item = response->add_items();
        item->set_token("leaf");
        item->set_dek("dek");
      };
  ASSERT_OK_AND_ASSIGN(auto all,
                       client_->BatchGenerateDataKeys("a", 1, 32, true, {}));
  EXPECT_EQ(Text(all[0]->dek), "dek");
  EXPECT_EQ(all[0]->wrapped_dek, Of("H-leaf"));
}

}  // namespace
}  // namespace strongroom::client
