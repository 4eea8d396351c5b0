// Making a token, for development and tests: what a security officer does with
// the token's own tools in production.
#pragma once

#include <string>

#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::hsm {

struct NewToken {
  std::string module_path;
  std::string label;  // at most 32 bytes
  SecretBytes officer_pin;
  SecretBytes user_pin;
};

// InitializeToken makes the first uninitialised token of the module into one
// with this label and these PINs. In this process: a PIN on a command line is
// in the process list. Initialised tokens are left alone. Blocks; the module
// must not be in use in this process. MODULE_NOT_LOADED; TOKEN_NOT_FOUND if
// there is no uninitialised one; ARGUMENT_INVALID (label); HSM_UNEXPECTED with
// the step and its answer.
Status InitializeToken(const NewToken& token);

}  // namespace strongroom::hsm
