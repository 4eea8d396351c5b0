// The text of hsm/profiles/*.yaml as compiled in, in order of file name.
#pragma once

#include <span>
#include <string_view>

namespace strongroom::hsm {

struct EmbeddedProfile {
  std::string_view file;  // without ".yaml"
  std::string_view text;
};

std::span<const EmbeddedProfile> EmbeddedProfiles();

}  // namespace strongroom::hsm
