#include "cli/operator_commands.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace strongroom::cli {
namespace {

constexpr char kProgram[] = "strongroomd";

constexpr OperatorRow kRows[] = {
    {"backup",
     "Make, verify and restore backups of the store (done by strongroomd, on "
     "the service's machine)"},
    {"recover",
     "Rebuild keys and versions from the token (done by strongroomd, on the "
     "service's machine)"},
};

// What is beside this program is of the same installation.
std::string Beside() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string() : (self.parent_path() / kProgram).string();
}

}  // namespace

std::span<const OperatorRow> OperatorCommands() { return kRows; }

bool IsOperatorCommand(const std::vector<std::string>& arguments) {
  return !arguments.empty() &&
         std::ranges::any_of(kRows, [&](const OperatorRow& row) {
           return arguments.front() == row.name;
         });
}

Status BecomeStrongroomd(const std::vector<std::string>& arguments) {
  std::string program = kProgram;
  std::vector<std::string> words = arguments;
  std::vector<char*> argv = {program.data()};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // What is ignored here would stay ignored there.
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  const std::string beside = Beside();
  if (!beside.empty()) execv(beside.c_str(), argv.data());
  if (beside.empty() || errno == ENOENT) execvp(kProgram, argv.data());
  const std::string why = std::generic_category().message(errno);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  return Error(Reason::kFileUnreadable,
               "`" + arguments.front() +
                   "` is done by strongroomd, which is neither at " + beside +
                   " nor in PATH as a program that can be run (" + why +
                   "): run it on the service's machine, as the service's user");
}

}  // namespace strongroom::cli
