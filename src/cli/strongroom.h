// The `strongroom` program: docs/cli.md. Life of a command: parse (run.cc),
// the row of commands.cc, its runner, one exit code (report.h).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/status.h"
#include "strongroom/client/client.h"

namespace strongroom::cli {

// Environment is what a command touches of the world; tests give their own.
struct Environment {
  int in = 0;  // these three: -1 if it was closed
  int out = 1;
  int err = 2;
  std::function<bool(int fd)> is_terminal;
  const Clock& clock;
  std::function<StatusOr<std::unique_ptr<client::Client>>(
      std::chrono::milliseconds timeout)>
      connect;
  // Replaces this process with strongroomd for its commands; returns only the
  // failure to do so.
  std::function<Status(const std::vector<std::string>& arguments)>
      become_strongroomd;

  static Environment System();
};

// Run does one command; `arguments` are without the program's name. Gives the
// exit code (docs/errors.md).
int Run(const std::vector<std::string>& arguments,
        const Environment& environment);

// StrongroomMain is Run on this process.
int StrongroomMain(int argc, char** argv);

}  // namespace strongroom::cli
