#include "strongroom/hsm/profile.h"

#include "hsm/embedded_profiles.h"
#include "hsm/profile_parser.h"

namespace strongroom::hsm {

StatusOr<Profile> FindProfile(std::string_view name) {
  std::string known;
  for (const EmbeddedProfile& profile : EmbeddedProfiles()) {
    if (profile.file == name) {
      return ParseProfile(
          profile.text, "hsm/profiles/" + std::string(profile.file) + ".yaml");
    }
    if (!known.empty()) known += ", ";
    known += profile.file;
  }
  return Error(Reason::kConfigInvalid, "there is no device profile \"" +
                                           std::string(name) +
                                           "\"; want one of: " + known);
}

}  // namespace strongroom::hsm
