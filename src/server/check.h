// CheckConfig: everything that can be known before starting.
#pragma once

#include <string>
#include <vector>

#include "server/config.h"
#include "strongroom/base/clock.h"

namespace strongroom::server {

// CheckReport says what was found, in sentences for people.
struct CheckReport {
  std::vector<Status> failures;
  std::vector<std::string> warnings;
  std::vector<std::string> not_checked;
};

// CheckConfig looks at every file the configuration names: TLS pair, CAs and
// CRLs, PIN file, module, policy, and where store and audit log will be. It
// changes nothing, loads no module, logs in nowhere and opens no store.
CheckReport CheckConfig(const Config& config, WallTime now);

}  // namespace strongroom::server
