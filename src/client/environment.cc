#include <cstdlib>
#include <string>

#include "strongroom/client/client.h"

namespace strongroom::client {
namespace {

struct Variable {
  const char* name;
  std::string Options::*field;
  bool required;
};

constexpr Variable kVariables[] = {
    {"STRONGROOM_ADDR", &Options::address, true},
    {"STRONGROOM_CA", &Options::ca_file, true},
    {"STRONGROOM_CERT", &Options::cert_file, true},
    {"STRONGROOM_KEY", &Options::key_file, true},
    {"STRONGROOM_SERVER_NAME", &Options::server_name, false},
};

}  // namespace

StatusOr<Options> OptionsFromEnvironment() {
  Options options;
  std::string missing;
  for (const Variable& variable : kVariables) {
    const char* value = std::getenv(variable.name);
    if (value != nullptr && *value != '\0') {
      options.*variable.field = value;
    } else if (variable.required) {
      if (!missing.empty()) missing += ", ";
      missing += variable.name;
    }
  }
  if (missing.empty()) return options;
  return Error(Reason::kArgumentInvalid,
               "not set in the environment: " + missing +
                   "; want the service's host:port and the paths of three PEM "
                   "files: its CA, our certificate, our key. `strongroomd dev` "
                   "prints the export lines when it starts");
}

}  // namespace strongroom::client
