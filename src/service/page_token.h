// Page tokens: where a list goes on. Opaque to callers.
#pragma once

#include <string>

#include "strongroom/base/status.h"

namespace strongroom::service {

std::string PageTokenFor(const std::string& last_name);
// NameInPageToken is the name after which to go on, empty for no token.
// ARGUMENT_INVALID if PageTokenFor did not make it.
StatusOr<std::string> NameInPageToken(const std::string& token);

}  // namespace strongroom::service
