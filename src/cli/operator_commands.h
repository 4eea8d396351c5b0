// Commands of strongroomd that strongroom hands over. They need the service's
// machine: the store's files, the token and its PIN.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/status.h"

namespace strongroom::cli {

struct OperatorRow {
  const char* name;
  const char* help;
};
std::span<const OperatorRow> OperatorCommands();

// IsOperatorCommand: the first word of `arguments` is one of them.
bool IsOperatorCommand(const std::vector<std::string>& arguments);

// BecomeStrongroomd replaces this process with the strongroomd beside this
// program, or else the one in PATH, with the same arguments. It returns only if
// there is none that can be run: FILE_UNREADABLE.
Status BecomeStrongroomd(const std::vector<std::string>& arguments);

}  // namespace strongroom::cli
