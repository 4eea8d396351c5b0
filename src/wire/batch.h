// Batches of seals between bytes and model/ without a protobuf
// object for each item: a thousand items are most of what such a call costs.
//
// Read and written is what the messages of key_service.proto say; anything out
// of the ordinary in a request is left to protobuf.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <vector>

#include "wire/bytes.h"
#include "wire/data.h"

namespace strongroom::wire {

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
std::optional<PlainItems> TakePlainItems(Pieces pieces);

// AddItems makes items of secrets.
void AddItems(std::vector<SecretBytes>* secrets, model::SealCommand* command);

// WriteSealedItems gives the BatchEncryptResponse, BatchWrapResponse or
// BatchGenerateDataKeysResponse, which are alike.
WipedBytes WriteSealedItems(const AnswerShape& shape,
                            const model::SealResult& result);

}  // namespace strongroom::wire
