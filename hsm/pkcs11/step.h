// Step: the outcome of one piece of token work inside a call.
#pragma once

#include <utility>

#include "hsm/pkcs11/classify.h"
#include "hsm/pkcs11/cryptoki.h"
#include "strongroom/base/status.h"

namespace strongroom::hsm {

// A failed Step is either a Cryptoki answer, which Classify and the recovery
// table decide about, or (status not OK) already the answer to the caller.
struct Step {
  Operation operation = Operation::kSessionInfo;
  CK_RV rv = CKR_OK;
  Status status;

  bool ok() const { return rv == CKR_OK && status.ok(); }
  static Step Ok() { return {}; }
  static Step Of(Operation operation, CK_RV rv) { return {operation, rv, {}}; }
  static Step Final(Status status) {
    return {Operation::kSessionInfo, CKR_OK, std::move(status)};
  }
};

#define SR_RETURN_IF_FAILED(expression)                                  \
  do {                                                                   \
    if (::strongroom::hsm::Step sr_step_ = (expression); !sr_step_.ok()) \
      return sr_step_;                                                   \
  } while (false)

}  // namespace strongroom::hsm
