// Decrypt, Unwrap, Rewrap and their Batch forms: what begins with a token, or
// with the id of one that the service holds.
#pragma once

#include <memory>
#include <span>

#include "service/operation.h"

namespace strongroom::service::ops {

using Opening = Operation<model::OpenCommand, model::OpenResult, Owners>;
extern const Opening kDecrypt;
extern const Opening kUnwrap;
extern const Opening kBatchDecrypt;
extern const Opening kBatchUnwrap;
using Rewrapping = Operation<model::RewrapCommand, model::RewrapResult, Owners>;
extern const Rewrapping kRewrap;
extern const Rewrapping kBatchRewrap;
std::span<const Row> OpenRows();

// Open and Rewrap do with the request's tokens what each one's own key permits.
// Tokens of keys that the caller may not use, that do not exist, or that are
// not the named one fail alone.
void Open(const Owners& owners, std::shared_ptr<Request> request,
          model::OpenCommand command, Done<model::OpenResult> finish);
void Rewrap(const Owners& owners, std::shared_ptr<Request> request,
            model::RewrapCommand command, Done<model::RewrapResult> finish);

}  // namespace strongroom::service::ops
