// Identities: the text forms that certificates and policies share.
#pragma once

#include <string>
#include <string_view>

#include "strongroom/base/status.h"

namespace strongroom::auth {

inline constexpr size_t kMaxIdentitySize = 512;

// MakeIdentity is "<kind>:<value>", where kind is "uri", "dns" or "cn". A DNS
// name is written in lower case, for it is compared so (RFC 4343).
// UNAUTHENTICATED if the value is empty, longer than 512 bytes, not UTF-8, or
// has control characters.
StatusOr<std::string> MakeIdentity(std::string_view kind,
                                   std::string_view value);

// ParseIdentity reads what a policy's `who` lists and gives the form that
// MakeIdentity makes. CONFIG_INVALID for another kind, a bad value, or a '*':
// identities are compared whole, so a wildcard would never match.
StatusOr<std::string> ParseIdentity(std::string_view text);

}  // namespace strongroom::auth
