// Decrypt, Unwrap, Rewrap and their Batch forms: what begins with a token.
#pragma once

#include <memory>

#include "service/request.h"

namespace strongroom::service {

// TokenItem is a token of a request, parsed. A token that is malformed carries
// its failure; it fails alone.
struct TokenItem {
  envelope::Token token;  // a rewrap's may be the header alone
  Bytes leaf_bytes;       // as it came; a rewrap gives it back
  Status status;
};

// Prepare* check the command and parse its tokens into `items`; their failures
// are the whole request's.
StatusOr<Target> PrepareOpen(const Request& request, const OpenCommand& command,
                             std::vector<TokenItem>* items);
StatusOr<Target> PrepareRewrap(const Request& request,
                               const RewrapCommand& command,
                               std::vector<TokenItem>* items);

// Open and Rewrap do what each token's own key permits. Tokens of keys that the
// caller may not use, that do not exist, or that are not the named one fail
// alone.
void Open(batching::Engine& engine, std::shared_ptr<Request> request,
          const OpenCommand& command, std::vector<TokenItem> items,
          Done<OpenResult> finish);
void Rewrap(batching::Engine& engine, std::shared_ptr<Request> request,
            std::vector<TokenItem> items, Done<RewrapResult> finish);

}  // namespace strongroom::service
