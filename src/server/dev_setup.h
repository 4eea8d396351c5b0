// What `strongroomd dev` makes under its directory, and finds again.
#pragma once

#include <string>
#include <vector>

#include "server/config.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/status.h"

namespace strongroom::server {

struct DevOptions {
  std::string directory;
  std::string listen = "127.0.0.1:7443";
  std::string metrics_listen = "127.0.0.1:7480";
};

// DevSetup is a configuration that can be started, and what was made for it.
struct DevSetup {
  Config config;
  std::string directory;          // absolute
  std::vector<std::string> made;  // sentences, for the terminal
};

// PrepareDev makes what is missing and keeps what is there: token with a random
// PIN, CA, server and client certificates (new ones when little of their life
// is left), policy. Sets SOFTHSM2_CONF for this process, so call it before
// threads start. DEVELOPMENT_ONLY for an address that is not loopback;
// FILE_NOT_PRIVATE for a directory others can enter; FILE_UNREADABLE;
// MODULE_NOT_LOADED if SoftHSM is not installed; TOKEN_NOT_FOUND if the token
// cannot be made, or is gone while the store is there.
StatusOr<DevSetup> PrepareDev(const DevOptions& options, const Clock& clock);

// DevEnvironment gives the lines that tell the CLI where the service is:
// "export STRONGROOM_ADDR='127.0.0.1:7443'" and so on.
std::string DevEnvironment(const std::string& directory,
                           const std::string& grpc_address);

}  // namespace strongroom::server
