// Encrypt, Wrap, GenerateDataKey and their Batch forms.
#pragma once

#include <memory>

#include "service/request.h"

namespace strongroom::service {

// PrepareSeal checks the command; its failures are the whole request's.
StatusOr<Target> PrepareSeal(const Request& request,
                             const SealCommand& command);

// Seal has the items sealed under the named key, and registered if the command
// says so. An item whose size or context is wrong fails alone.
// REGISTRATION_RULE if the key's rule and the command do not agree.
void Seal(const ServiceParts& parts, std::shared_ptr<Request> request,
          SealCommand command, Done<SealResult> finish);

// For register.cc. MakeSealRequest takes the command's secrets; its `done` is
// left to the caller. ToResult takes the sealed items.
std::unique_ptr<batching::SealRequest> MakeSealRequest(const Request& request,
                                                       SealCommand& command);
SealResult ToResult(const Request& request, bool with_plaintext,
                    batching::SealRequest& sealed);
bool GivesPlaintext(const Request& request, const SealCommand& command);
bool GeneratesDeks(const Request& request);

}  // namespace strongroom::service
