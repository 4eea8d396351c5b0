// Page tokens: where a list goes on. Opaque to callers.
#pragma once

#include <optional>
#include <string>

#include "strongroom/base/status.h"
#include "strongroom/registry/registry.h"

namespace strongroom::service {

std::string PageTokenFor(const std::string& last_name);
std::string PageTokenFor(const registry::DekId& last);
// DekInPageToken as NameInPageToken, for lists of DEKs.
StatusOr<std::optional<registry::DekId>> DekInPageToken(
    const std::string& token);
// NameInPageToken is the name after which to go on, empty for no token.
// ARGUMENT_INVALID if PageTokenFor did not make it.
StatusOr<std::string> NameInPageToken(const std::string& token);

}  // namespace strongroom::service
