// Decrypt, Unwrap, Rewrap and their Batch forms: what begins with a token, or
// with the id of one that the service holds.
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
  // What the registry says of it, for those who may use its key.
  Status registered;
  bool by_id = false;
};

// Prepare* check the command, parse its tokens into `items`, and look up what
// is named by id; their failures are the whole request's.
StatusOr<Target> PrepareOpen(registry::Registry& registry,
                             const Request& request, const OpenCommand& command,
                             std::vector<TokenItem>* items);
StatusOr<Target> PrepareRewrap(const registry::Registry& registry,
                               const Request& request,
                               const RewrapCommand& command,
                               std::vector<TokenItem>* items);

// Open and Rewrap do what each token's own key permits. Tokens of keys that the
// caller may not use, that do not exist, or that are not the named one fail
// alone.
void Open(const ServiceParts& parts, std::shared_ptr<Request> request,
          const OpenCommand& command, std::vector<TokenItem> items,
          Done<OpenResult> finish);
void Rewrap(const ServiceParts& parts, std::shared_ptr<Request> request,
            std::vector<TokenItem> items, Done<RewrapResult> finish);

}  // namespace strongroom::service
