// The command line: parsed, run, answered with an exit code.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/commands.h"
#include "cli/operator_commands.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/strongroom.h"
#include "cli/text.h"
#include "strongroom/base/version.h"

namespace strongroom::cli {
namespace {

struct GlobalOptions {
  std::string output = "text";
  std::string timeout = "10s";
  bool version = false;
};

constexpr char kAbout[] =
    "Keys that stay inside an HSM. The service is named by STRONGROOM_ADDR,\n"
    "STRONGROOM_CA, STRONGROOM_CERT and STRONGROOM_KEY.";

// CommandLine is the parser and the runners of what it may find.
struct CommandLine {
  CLI::App app{kAbout, "strongroom"};
  GlobalOptions global;
  std::map<const CLI::App*, Runner> runners;
};

// Find gives the command of this name directly under `app`, or nullptr.
template <typename App>
App* Find(App& app, const std::string& name) {
  auto found = app.get_subcommands(
      [&](const CLI::App* command) { return command->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

CLI::App& GroupOf(CLI::App& app, const char* group) {
  CLI::App* found = Find(app, group);
  if (found == nullptr) {
    found = app.add_subcommand(group, GroupHelp(group));
    found->require_subcommand(1, 1);
    found->fallthrough();
  }
  return *found;
}

void AddCommand(const CommandRow& row, CommandLine* line) {
  bool alone = row.group[0] == '\0';
  CLI::App& parent = alone ? line->app : GroupOf(line->app, row.group);
  CLI::App* command = parent.add_subcommand(row.name, row.help);
  command->fallthrough();
  line->runners[command] = row.declare(*command);
  std::string example = "Example: " + std::string(row.example);
  if (!command->get_footer().empty()) {
    example = command->get_footer() + "\n\n" + example;
  }
  command->footer(example);
}

void Declare(CommandLine* line) {
  CLI::App& app = line->app;
  app.require_subcommand(0, 1);
  app.add_option("--output", line->global.output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--timeout", line->global.timeout,
                 "For each call, retries included")
      ->capture_default_str();
  app.add_flag("--version", line->global.version, "Show the version");
  app.footer(
      "Example: strongroom key create payments/cards\n"
      "`strongroom COMMAND --help` says more of each.");
  for (const CommandRow& row : AllCommands()) AddCommand(row, line);
  for (const OperatorRow& row : OperatorCommands()) {
    CLI::App* command = app.add_subcommand(row.name, row.help);
    command->prefix_command();
    // As the first word it does not come here.
    line->runners[command] = [&row](Session&) {
      return UsageError("`" + std::string(row.name) +
                        "` is done by strongroomd, which has none of the "
                        "options of strongroom: put it first");
    };
  }
}

// FirstWords gives up to two words that are neither options nor their values.
std::vector<std::string> FirstWords(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  for (size_t i = 0; i < arguments.size() && words.size() < 2; ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--output" || argument == "--timeout") {
      ++i;
    } else if (argument.empty() || argument[0] != '-') {
      words.push_back(argument);
    }
  }
  return words;
}

std::vector<std::string> NamesIn(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    names.push_back(command->get_name());
  }
  return names;
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

// UnknownCommand explains a first or second word that names no command; OK if
// the words are right and the mistake is elsewhere.
Status UnknownCommand(const CLI::App& app,
                      const std::vector<std::string>& words) {
  const CLI::App* level = &app;
  std::string prefix = "strongroom";
  for (const std::string& word : words) {
    std::vector<std::string> known = NamesIn(*level);
    if (known.empty()) return OkStatus();
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      std::optional<std::string> near = Nearest(word, known);
      return UsageError("\"" + word + "\" is not a command; " +
                        (near ? "did you mean `" + prefix + " " + *near + "`?"
                              : "want one of " + Join(known)));
    }
    level = Find(*level, word);
    prefix += " " + word;
  }
  std::vector<std::string> known = NamesIn(*level);
  if (known.empty()) return OkStatus();
  return UsageError("`" + prefix + "` wants a command: " + Join(known) +
                    "; see `" + prefix + " --help`");
}

const CLI::App* Chosen(const CLI::App& app) {
  const CLI::App* chosen = &app;
  while (!chosen->get_subcommands().empty()) {
    chosen = chosen->get_subcommands().front();
  }
  return chosen;
}

// PathOf is what one types to get there: "strongroom key create".
std::string PathOf(const CLI::App* command) {
  const CLI::App* parent = command->get_parent();
  return (parent == nullptr ? "" : PathOf(parent) + " ") + command->get_name();
}

bool WantsJson(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--output=json") return true;
    if (arguments[i] == "--output" && i + 1 < arguments.size()) {
      return arguments[i + 1] == "json";
    }
  }
  return false;
}

// Parse gives the text to print instead of running a command, or "".
StatusOr<std::string> Parse(const std::vector<std::string>& arguments,
                            CommandLine* line) {
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    line->app.parse(reversed);
  } catch (const CLI::Success& success) {
    std::ostringstream out, err;
    line->app.exit(success, out, err);
    return out.str();
  } catch (const CLI::ParseError& error) {
    SR_RETURN_IF_ERROR(UnknownCommand(line->app, FirstWords(arguments)));
    return UsageError(std::string(error.what()) + "; see `" +
                      PathOf(Chosen(line->app)) + " --help`");
  } catch (const std::exception& error) {
    return UsageError(error.what());
  }
  if (line->global.version) return std::string("strongroom ") + kVersion + "\n";
  if (Chosen(line->app) == &line->app) {
    return UnknownCommand(line->app, FirstWords(arguments));
  }
  return std::string();
}

Status RunCommand(const std::vector<std::string>& arguments,
                  const Environment& environment) {
  CommandLine line;
  Declare(&line);
  SR_ASSIGN_OR_RETURN(std::string text, Parse(arguments, &line));
  if (!text.empty()) return WriteStandardOutput(environment, AsBytes(text));
  SR_ASSIGN_OR_RETURN(auto timeout,
                      ParseDuration("--timeout", line.global.timeout));
  if (timeout.count() == 0 || timeout > std::chrono::hours(1)) {
    return UsageError("--timeout is " + line.global.timeout +
                      "; want 1ms to 1h");
  }
  Session session(environment, line.global.output == "json", timeout);
  return line.runners.at(Chosen(line.app))(session);
}

StatusOr<std::unique_ptr<client::Client>> ConnectByEnvironment(
    std::chrono::milliseconds timeout) {
  StatusOr<client::Options> options = client::OptionsFromEnvironment();
  if (!options.ok()) return AsUsageError(options.status());
  options->timeout = timeout;
  return client::Client::Connect(*options);
}

// Inherited gives a standard descriptor, or -1 if the caller closed it: then a
// file or connection of ours may have its number, and must not be given what is
// meant for the other. What is inherited is not marked close-on-exec.
int Inherited(int fd) {
  const int flags = fcntl(fd, F_GETFD);
  // Free still: it is the lowest, so this takes it.
  if (flags < 0) (void)open("/dev/null", O_RDWR | O_CLOEXEC);
  return flags < 0 || (flags & FD_CLOEXEC) != 0 ? -1 : fd;
}

}  // namespace

Environment Environment::System() {
  return {.in = Inherited(STDIN_FILENO),
          .out = Inherited(STDOUT_FILENO),
          .err = Inherited(STDERR_FILENO),
          .is_terminal = [](int fd) { return isatty(fd) == 1; },
          .clock = Clock::System(),
          .connect = ConnectByEnvironment,
          .become_strongroomd = BecomeStrongroomd};
}

int Run(const std::vector<std::string>& arguments,
        const Environment& environment) {
  Status status = IsOperatorCommand(arguments)
                      ? environment.become_strongroomd(arguments)
                      : RunCommand(arguments, environment);
  if (status.ok()) return 0;
  std::string report =
      WantsJson(arguments) ? JsonReport(status) : TextReport(status);
  // If standard error is gone too, the exit code is all that is left.
  [[maybe_unused]] ssize_t put =
      write(environment.err, report.data(), report.size());
  return ExitCode(status);
}

int StrongroomMain(int argc, char** argv) {
  // A reader that goes away is a failed write, not a death without a word.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // nor is a limit on file sizes
  // gRPC's own log lines say nothing that our errors do not.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  return Run({argv + std::min(argc, 1), argv + argc}, Environment::System());
}

}  // namespace strongroom::cli
