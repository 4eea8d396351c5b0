// How failures leave the program.
#pragma once

#include <string>

#include "strongroom/base/status.h"

namespace strongroom::cli {

// UsageError is ARGUMENT_INVALID that ends with exit code 2: the command line
// (or environment) is wrong, and nothing was tried.
Status UsageError(std::string_view message);
// AsUsageError makes one of a failure, with its reason and message.
Status AsUsageError(Status status);

// ExitCode follows the table at the end of docs/errors.md.
int ExitCode(const Status& status);

// TextReport is "strongroom: REASON: message"; JsonReport {"error": {...}}.
// Both end with a line feed and are safe to show on a terminal.
std::string TextReport(const Status& failure);
std::string JsonReport(const Status& failure);

}  // namespace strongroom::cli
