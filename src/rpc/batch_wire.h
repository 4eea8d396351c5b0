// Batches of seals between the wire and the service's types without a protobuf
// object for each item: a thousand items are most of what such a call costs.
//
// Read and written is what the messages of key_service.proto say; anything out
// of the ordinary in a request is left to protobuf.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <concepts>
#include <optional>
#include <string>
#include <vector>

#include "rpc/translate.h"

namespace strongroom::rpc {

// A request whose items are a secret each, mostly, and nothing more.
template <typename Request>
concept BatchOfSecrets = std::same_as<Request, v1::BatchEncryptRequest> ||
    std::same_as<Request, v1::BatchWrapRequest>;

// PlainItems is a BatchEncryptRequest or BatchWrapRequest taken apart.
struct PlainItems {
  std::vector<SecretBytes> secrets;
  std::string rest;  // the message without its items; nothing secret
};

// TakePlainItems is nothing if an item has more than a secret, there are more
// items than a batch may have, or the bytes are not simply well-formed: then
// protobuf parses the whole message, or says what is wrong with it.
std::optional<PlainItems> TakePlainItems(const grpc::ByteBuffer& buffer);

// AddItems makes items of secrets.
void AddItems(std::vector<SecretBytes>* secrets, service::SealCommand* command);

// WriteSealedItems gives the BatchEncryptResponse, BatchWrapResponse or
// BatchGenerateDataKeysResponse, which are alike.
grpc::ByteBuffer WriteSealedItems(const AnswerShape& shape,
                                  const service::SealResult& result);

}  // namespace strongroom::rpc
