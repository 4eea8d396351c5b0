#include "client/convert.h"
#include "client/grpc_client.h"
#include "client/wipe.h"

namespace strongroom::client {
namespace {

using DataStub = v1::KeyService::StubInterface;

Status WrongCount(int found, size_t wanted) {
  return Error(Reason::kInternal, "the service answered " +
                                      std::to_string(found) + " items; want " +
                                      std::to_string(wanted) +
                                      ", one for each that was sent");
}

// JoinToken makes the complete token of one compact item. An answer without
// headers is the plain form, from a service that does not know the other.
template <typename Response>
StatusOr<Bytes> JoinToken(const Response& response,
                          const v1::SealedItem& item) {
  ByteView leaf = AsBytes(item.token());
  if (response.headers().empty()) return ToBytes(leaf);
  if (item.header() >= static_cast<uint32_t>(response.headers_size())) {
    return Error(Reason::kInternal,
                 "the service's answer refers to header " +
                     std::to_string(item.header()) + "; it has " +
                     std::to_string(response.headers_size()));
  }
  const std::string& header = response.headers(static_cast<int>(item.header()));
  Bytes token;
  token.reserve(header.size() + leaf.size());
  Append(&token, AsBytes(header));
  Append(&token, leaf);
  return token;
}

template <typename Response>
StatusOr<Sealed> ToSealed(const Response& response,
                          const v1::SealedItem& item) {
  SR_RETURN_IF_ERROR(ItemFailure(item.status()));
  SR_ASSIGN_OR_RETURN(Bytes token, JoinToken(response, item));
  return Sealed{std::move(token), item.key_version(), item.dek_id()};
}

StatusOr<DataKey> ToDataKey(const v1::BatchGenerateDataKeysResponse& response,
                            v1::SealedItem* item) {
  SR_RETURN_IF_ERROR(ItemFailure(item->status()));
  SR_ASSIGN_OR_RETURN(Bytes token, JoinToken(response, *item));
  return DataKey{TakeSecret(item->mutable_dek()), std::move(token),
                 item->key_version(), item->dek_id()};
}

StatusOr<Opened> ToOpened(v1::OpenedItem* item) {
  SR_RETURN_IF_ERROR(ItemFailure(item->status()));
  return Opened{TakeSecret(item->mutable_secret()), item->name(),
                item->key_version()};
}

StatusOr<Rewrapped> ToRewrapped(const v1::BatchRewrapResponse::Item& item) {
  SR_RETURN_IF_ERROR(ItemFailure(item.status()));
  return Rewrapped{ToBytes(AsBytes(item.token())), item.name(),
                   item.key_version(), item.previous_key_version()};
}

template <typename Response>
StatusOr<std::vector<StatusOr<Sealed>>> AllSealed(const Response& response,
                                                  size_t wanted) {
  if (static_cast<size_t>(response.items_size()) != wanted) {
    return WrongCount(response.items_size(), wanted);
  }
  std::vector<StatusOr<Sealed>> all;
  all.reserve(wanted);
  for (const v1::SealedItem& item : response.items()) {
    all.push_back(ToSealed(response, item));
  }
  return all;
}

template <typename Response>
StatusOr<std::vector<StatusOr<Opened>>> AllOpened(Response* response,
                                                  size_t wanted) {
  if (static_cast<size_t>(response->items_size()) != wanted) {
    return WrongCount(response->items_size(), wanted);
  }
  std::vector<StatusOr<Opened>> all;
  all.reserve(wanted);
  for (v1::OpenedItem& item : *response->mutable_items()) {
    all.push_back(ToOpened(&item));
  }
  return all;
}

template <typename Response>
void WipeOpened(Response* response) {
  for (v1::OpenedItem& item : *response->mutable_items()) {
    WipeString(item.mutable_secret());
  }
}

}  // namespace

StatusOr<std::vector<StatusOr<Sealed>>> GrpcClient::BatchWrap(
    std::string_view key, const std::vector<SecretBytes>& deks,
    const Context& context, const std::optional<Registering>& registering) {
  v1::BatchWrapRequest request;
  v1::BatchWrapResponse response;
  WipeGuard wipe([&] {
    for (auto& item : *request.mutable_items()) WipeString(item.mutable_dek());
  });
  request.set_name(std::string(key));
  request.set_compact(true);
  FillContext(context, &request);
  FillRegistering(registering, &request);
  request.mutable_items()->Reserve(static_cast<int>(deks.size()));
  for (const SecretBytes& dek : deks) {
    SetBytes(dek.Expose(), request.add_items()->mutable_dek());
  }
  SR_RETURN_IF_ERROR(Call(*data_, &DataStub::BatchWrap, request, &response));
  return AllSealed(response, deks.size());
}

StatusOr<std::vector<StatusOr<DataKey>>> GrpcClient::BatchGenerateDataKeys(
    std::string_view key, uint32_t count, uint32_t dek_bytes,
    bool with_plaintext, const Context& context,
    const std::optional<Registering>& registering) {
  v1::BatchGenerateDataKeysRequest request;
  v1::BatchGenerateDataKeysResponse response;
  WipeGuard wipe([&] {
    for (auto& item : *response.mutable_items()) WipeString(item.mutable_dek());
  });
  request.set_name(std::string(key));
  request.set_count(count);
  request.set_dek_bytes(dek_bytes);
  request.set_without_plaintext(!with_plaintext);
  request.set_compact(true);
  FillContext(context, &request);
  FillRegistering(registering, &request);
  SR_RETURN_IF_ERROR(
      Call(*data_, &DataStub::BatchGenerateDataKeys, request, &response));
  if (static_cast<uint32_t>(response.items_size()) != count) {
    return WrongCount(response.items_size(), count);
  }
  std::vector<StatusOr<DataKey>> all;
  all.reserve(count);
  for (v1::SealedItem& item : *response.mutable_items()) {
    all.push_back(ToDataKey(response, &item));
  }
  return all;
}

StatusOr<std::vector<StatusOr<Opened>>> GrpcClient::BatchUnwrap(
    const std::vector<Bytes>& wrapped_deks, const Context& context) {
  v1::BatchUnwrapRequest request;
  v1::BatchUnwrapResponse response;
  WipeGuard wipe([&] { WipeOpened(&response); });
  FillContext(context, &request);
  for (const Bytes& wrapped : wrapped_deks) {
    SetBytes(wrapped, request.add_items()->mutable_wrapped_dek());
  }
  SR_RETURN_IF_ERROR(Call(*data_, &DataStub::BatchUnwrap, request, &response));
  return AllOpened(&response, wrapped_deks.size());
}

StatusOr<std::vector<StatusOr<Opened>>> GrpcClient::BatchUnwrapById(
    const std::vector<std::string>& dek_ids, const Context& context) {
  v1::BatchUnwrapRequest request;
  v1::BatchUnwrapResponse response;
  WipeGuard wipe([&] { WipeOpened(&response); });
  FillContext(context, &request);
  for (const std::string& id : dek_ids) request.add_items()->set_dek_id(id);
  SR_RETURN_IF_ERROR(Call(*data_, &DataStub::BatchUnwrap, request, &response));
  return AllOpened(&response, dek_ids.size());
}

StatusOr<std::vector<StatusOr<Sealed>>> GrpcClient::BatchEncrypt(
    std::string_view key, const std::vector<SecretBytes>& plaintexts,
    const Context& context) {
  v1::BatchEncryptRequest request;
  v1::BatchEncryptResponse response;
  WipeGuard wipe([&] {
    for (auto& item : *request.mutable_items()) {
      WipeString(item.mutable_plaintext());
    }
  });
  request.set_name(std::string(key));
  request.set_compact(true);
  FillContext(context, &request);
  for (const SecretBytes& plaintext : plaintexts) {
    SetBytes(plaintext.Expose(), request.add_items()->mutable_plaintext());
  }
  SR_RETURN_IF_ERROR(Call(*data_, &DataStub::BatchEncrypt, request, &response));
  return AllSealed(response, plaintexts.size());
}

StatusOr<std::vector<StatusOr<Opened>>> GrpcClient::BatchDecrypt(
    const std::vector<Bytes>& ciphertexts, const Context& context) {
  v1::BatchDecryptRequest request;
  v1::BatchDecryptResponse response;
  WipeGuard wipe([&] { WipeOpened(&response); });
  FillContext(context, &request);
  for (const Bytes& ciphertext : ciphertexts) {
    SetBytes(ciphertext, request.add_items()->mutable_ciphertext());
  }
  SR_RETURN_IF_ERROR(Call(*data_, &DataStub::BatchDecrypt, request, &response));
  return AllOpened(&response, ciphertexts.size());
}

StatusOr<std::vector<StatusOr<Rewrapped>>> GrpcClient::BatchRewrap(
    const std::vector<Bytes>& tokens_or_headers) {
  v1::BatchRewrapRequest request;
  v1::BatchRewrapResponse response;
  for (const Bytes& token : tokens_or_headers) {
    SetBytes(token, request.add_tokens());
  }
  SR_RETURN_IF_ERROR(Call(*data_, &DataStub::BatchRewrap, request, &response));
  if (static_cast<size_t>(response.items_size()) != tokens_or_headers.size()) {
    return WrongCount(response.items_size(), tokens_or_headers.size());
  }
  std::vector<StatusOr<Rewrapped>> all;
  all.reserve(tokens_or_headers.size());
  for (const auto& item : response.items()) all.push_back(ToRewrapped(item));
  return all;
}

}  // namespace strongroom::client
