// Encrypt, Wrap, GenerateDataKey and their Batch forms.
#pragma once

#include <memory>
#include <span>

#include "service/operation.h"

namespace strongroom::service::ops {

using Sealing = Operation<model::SealCommand, model::SealResult>;
extern const Sealing kEncrypt;
extern const Sealing kWrap;
extern const Sealing kGenerateDataKey;
extern const Sealing kBatchEncrypt;
extern const Sealing kBatchWrap;
extern const Sealing kBatchGenerateDataKeys;
std::span<const Row> SealRows();

// Seal has the items sealed under the permit's key, and registered if the
// command says so. An item whose size or context is wrong fails alone.
// REGISTRATION_RULE if the key's rule and the command do not agree.
void Seal(const auth::Permit& permit, std::shared_ptr<Request> request,
          model::SealCommand command, Done<model::SealResult> finish);

// For register.cc. MakeSealRequest takes the command's secrets; its `done` is
// left to the caller. ToResult takes the sealed items.
std::unique_ptr<batching::SealRequest> MakeSealRequest(
    const auth::Permit& permit, const Request& request,
    model::SealCommand& command);
model::SealResult ToResult(const Request& request, bool with_plaintext,
                           batching::SealRequest& sealed);
bool GivesPlaintext(const Request& request, const model::SealCommand& command);
bool GeneratesDeks(const Request& request);

}  // namespace strongroom::service::ops
