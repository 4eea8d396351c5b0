#include "client/convert.h"
#include "client/grpc_client.h"
#include "client/wipe.h"

namespace strongroom::client {

using DataStub = v1::KeyService::StubInterface;

StatusOr<Sealed> GrpcClient::Encrypt(std::string_view key, ByteView plaintext,
                                     const Context& context) {
  v1::EncryptRequest request;
  v1::EncryptResponse response;
  WipeGuard wipe([&] { WipeString(request.mutable_plaintext()); });
  request.set_name(std::string(key));
  SetBytes(plaintext, request.mutable_plaintext());
  FillContext(context, &request);
  SR_RETURN_IF_ERROR(Call(*data_, &DataStub::Encrypt, request, &response));
  return Sealed{ToBytes(AsBytes(response.ciphertext())),
                response.key_version()};
}

StatusOr<Opened> GrpcClient::Decrypt(ByteView ciphertext,
                                     const Context& context,
                                     std::string_view expected_key) {
  v1::DecryptRequest request;
  v1::DecryptResponse response;
  WipeGuard wipe([&] { WipeString(response.mutable_plaintext()); });
  request.set_name(std::string(expected_key));
  SetBytes(ciphertext, request.mutable_ciphertext());
  FillContext(context, &request);
  SR_RETURN_IF_ERROR(Call(*data_, &DataStub::Decrypt, request, &response));
  return Opened{TakeSecret(response.mutable_plaintext()), response.name(),
                response.key_version()};
}

StatusOr<Sealed> GrpcClient::Wrap(
    std::string_view key, const SecretBytes& dek, const Context& context,
    const std::optional<Registering>& registering) {
  v1::WrapRequest request;
  v1::WrapResponse response;
  WipeGuard wipe([&] { WipeString(request.mutable_dek()); });
  request.set_name(std::string(key));
  SetBytes(dek.Expose(), request.mutable_dek());
  FillContext(context, &request);
  FillRegistering(registering, &request);
  SR_RETURN_IF_ERROR(Call(*data_, &DataStub::Wrap, request, &response));
  return Sealed{ToBytes(AsBytes(response.wrapped_dek())),
                response.key_version(), response.dek_id()};
}

StatusOr<Opened> GrpcClient::Unwrap(ByteView wrapped_dek,
                                    const Context& context,
                                    std::string_view expected_key) {
  v1::UnwrapRequest request;
  SetBytes(wrapped_dek, request.mutable_wrapped_dek());
  return Unwrap(std::move(request), context, expected_key);
}

StatusOr<Opened> GrpcClient::UnwrapById(std::string_view dek_id,
                                        const Context& context,
                                        std::string_view expected_key) {
  v1::UnwrapRequest request;
  request.set_dek_id(std::string(dek_id));
  return Unwrap(std::move(request), context, expected_key);
}

StatusOr<Opened> GrpcClient::Unwrap(v1::UnwrapRequest request,
                                    const Context& context,
                                    std::string_view expected_key) {
  v1::UnwrapResponse response;
  WipeGuard wipe([&] { WipeString(response.mutable_dek()); });
  request.set_name(std::string(expected_key));
  FillContext(context, &request);
  SR_RETURN_IF_ERROR(Call(*data_, &DataStub::Unwrap, request, &response));
  return Opened{TakeSecret(response.mutable_dek()), response.name(),
                response.key_version()};
}

StatusOr<DataKey> GrpcClient::GenerateDataKey(
    std::string_view key, uint32_t dek_bytes, bool with_plaintext,
    const Context& context, const std::optional<Registering>& registering) {
  v1::GenerateDataKeyRequest request;
  v1::GenerateDataKeyResponse response;
  WipeGuard wipe([&] { WipeString(response.mutable_dek()); });
  request.set_name(std::string(key));
  request.set_dek_bytes(dek_bytes);
  request.set_without_plaintext(!with_plaintext);
  FillContext(context, &request);
  FillRegistering(registering, &request);
  SR_RETURN_IF_ERROR(
      Call(*data_, &DataStub::GenerateDataKey, request, &response));
  return DataKey{TakeSecret(response.mutable_dek()),
                 ToBytes(AsBytes(response.wrapped_dek())),
                 response.key_version(), response.dek_id()};
}

StatusOr<Rewrapped> GrpcClient::Rewrap(ByteView token_or_header,
                                       std::string_view expected_key) {
  v1::RewrapRequest request;
  v1::RewrapResponse response;
  request.set_name(std::string(expected_key));
  SetBytes(token_or_header, request.mutable_token());
  SR_RETURN_IF_ERROR(Call(*data_, &DataStub::Rewrap, request, &response));
  return Rewrapped{ToBytes(AsBytes(response.token())), response.name(),
                   response.key_version(), response.previous_key_version()};
}

}  // namespace strongroom::client
