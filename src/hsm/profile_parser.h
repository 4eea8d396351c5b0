// One profile file to a Profile.
#pragma once

#include <string_view>

#include "strongroom/hsm/profile.h"

namespace strongroom::hsm {

// ParseProfile fails CONFIG_INVALID, naming the field, for unknown, missing or
// contradicting fields; `origin` names the file in messages.
StatusOr<Profile> ParseProfile(std::string_view text, std::string_view origin);

}  // namespace strongroom::hsm
