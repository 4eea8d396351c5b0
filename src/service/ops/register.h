// Sealing calls whose DEKs the service keeps.
#pragma once

#include <memory>

#include "service/request.h"

namespace strongroom::service::ops {

// CheckRegistration looks at what a command says about registering, without
// looking at any key. ARGUMENT_INVALID.
Status CheckRegistration(const Request& request,
                         const model::SealCommand& command);
// CheckRegistrationRule holds the command against the named key's rule:
// REGISTRATION_RULE.
Status CheckRegistrationRule(const Request& request,
                             const model::SealCommand& command);

// SealAndRegister is Seal for a command that registers. Without a request_id
// the items that could be sealed are registered; with one, all or none. A
// request_id that was used before gives what it gave then, if the request is
// the same: the same secrets, contexts, labels and references, found by opening
// what is stored; else REQUEST_ID_REUSED.
void SealAndRegister(const auth::Permit& permit,
                     std::shared_ptr<Request> request,
                     model::SealCommand command,
                     Done<model::SealResult> finish);

}  // namespace strongroom::service::ops
