// Encrypt, Wrap, GenerateDataKey and their Batch forms.
#pragma once

#include <memory>

#include "service/request.h"

namespace strongroom::service {

// PrepareSeal checks the command; its failures are the whole request's.
StatusOr<Target> PrepareSeal(const Request& request,
                             const SealCommand& command);

// Seal has the items sealed under the named key. An item whose size or context
// is wrong fails alone.
void Seal(batching::Engine& engine, std::shared_ptr<Request> request,
          SealCommand command, Done<SealResult> finish);

}  // namespace strongroom::service
