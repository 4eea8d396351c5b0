// What a request may weigh and hold.
#pragma once

#include <cstddef>
#include <cstdint>

#include "strongroom/base/status.h"
#include "strongroom/envelope/context.h"
#include "strongroom/envelope/token.h"
#include "strongroom/model/data.h"
#include "strongroom/service/operation.h"

namespace strongroom::service {

// CheckSize is REQUEST_TOO_LARGE for a message over the row's limit.
Status CheckSize(const OperationSpec& spec, size_t bytes);
// CheckItemCount: ARGUMENT_INVALID for none (or not one, in a unary form),
// REQUEST_TOO_LARGE for more than 4096.
Status CheckItemCount(const OperationSpec& spec, size_t count);
// CheckWeight: REQUEST_TOO_LARGE if a batch has more than 4 MiB. What a unary
// form may weigh follows from the limits of its one item.
Status CheckWeight(const OperationSpec& spec, size_t bytes);
Status CheckDistinctHeaders(size_t count);

// CheckSecretSize: DEK_SIZE_INVALID or PLAINTEXT_TOO_LARGE.
Status CheckSecretSize(envelope::Purpose purpose, size_t size);

// PurposeOf: wrapped DEK or data. Only for operations that seal or open.
envelope::Purpose PurposeOf(const OperationSpec& spec);

size_t WeightOf(const model::Context& context);

// Contexts gives each item's canonical context; the request's own, which items
// without one share, is made once. CONTEXT_INVALID.
class Contexts {
 public:
  explicit Contexts(const model::Context& shared);
  StatusOr<Bytes> For(const std::optional<model::Context>& own) const;

 private:
  StatusOr<Bytes> shared_;
};

}  // namespace strongroom::service
