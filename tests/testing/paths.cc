#include "tests/testing/paths.h"

namespace strongroom::testing {

std::string SourcePath(std::string_view relative) {
  return STRONGROOM_SOURCE_DIR "/" + std::string(relative);
}

std::string BuildPath(std::string_view relative) {
  return STRONGROOM_BINARY_DIR "/" + std::string(relative);
}

}  // namespace strongroom::testing
