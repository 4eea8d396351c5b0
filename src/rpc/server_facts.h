// What the edge tells of the running service beside what KeyService knows.
#pragma once

#include <string>
#include <vector>

#include "strongroom/base/clock.h"

namespace strongroom::rpc {

struct ServerFacts {
  std::string version;
  std::string mode;  // "dev" or "serve"
  WallTime start_time{};
  std::string installation_id;
  std::vector<std::string> warnings;
};

}  // namespace strongroom::rpc
