// JSON as the CLI writes it: fields in a fixed order, two spaces, a line feed.
#pragma once

#include <string>

#include "nlohmann/json.hpp"
#include "strongroom/base/clock.h"

namespace strongroom::cli {

using Json = nlohmann::ordered_json;

// Dump never throws: bytes that are not UTF-8 are replaced.
inline std::string Dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace strongroom::cli
