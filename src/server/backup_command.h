// The command lines of strongroomd backup ... and strongroomd recover.
#pragma once

#include <functional>

#include "strongroom/base/status.h"

namespace CLI {
class App;
}

namespace strongroom::server {

// DeclareBackup and DeclareRecover add their commands to `app`. If one of them
// was given, *chosen is what does it, after the command line was parsed.
using OperatorCommand = std::function<Status()>;
void DeclareBackup(CLI::App& app, OperatorCommand* chosen);
void DeclareRecover(CLI::App& app, OperatorCommand* chosen);

}  // namespace strongroom::server
