#include "tests/testing/shimmed_token.h"

#include <stdlib.h>

#include <filesystem>
#include <sstream>

#include "strongroom/base/files.h"
#include "tests/testing/paths.h"

namespace strongroom::testing {

ShimmedToken::ShimmedToken()
    : token_("shimmed"),
      control_(token_.dir().File("control")),
      log_(token_.dir().Write("log", "")) {
  Direct("");
  setenv("STRONGROOM_SHIM_MODULE", SoftHsmToken::ModulePath().c_str(), 1);
  setenv("STRONGROOM_SHIM_CONTROL", control_.c_str(), 1);
  setenv("STRONGROOM_SHIM_LOG", log_.c_str(), 1);
}

ShimmedToken::~ShimmedToken() { Direct(""); }

hsm::Pkcs11Options ShimmedToken::Options() const {
  hsm::Pkcs11Options options = token_.Options();
  options.module_path = BuildPath("lib/strongroom_shim.so");
  return options;
}

void ShimmedToken::Direct(std::string_view script) {
  // Renamed into place: the shim never reads half a script.
  token_.dir().Write("control.new", script);
  std::filesystem::rename(token_.dir().File("control.new"), control_);
}

size_t ShimmedToken::Calls(std::string_view function,
                           std::string_view outcome) const {
  std::istringstream lines(
      ReadFile(log_, size_t{1} << 28).value().substr(log_start_));
  size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::string result;
    words >> name >> result;
    // A call that hangs has a second line when it is released.
    if (name != function) continue;
    count += outcome.empty() ? result != "hangs" : result == outcome;
  }
  return count;
}

std::vector<unsigned long> ShimmedToken::Handles(
    std::string_view function) const {
  std::istringstream lines(
      ReadFile(log_, size_t{1} << 28).value().substr(log_start_));
  std::vector<unsigned long> handles;
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find(" object=");
    if (line.rfind(std::string(function) + " ", 0) != 0 || at == line.npos) {
      continue;
    }
    handles.push_back(std::stoul(line.substr(at + 8)));
  }
  return handles;
}

void ShimmedToken::ForgetCalls() {
  log_start_ = std::filesystem::file_size(log_);
}

}  // namespace strongroom::testing
