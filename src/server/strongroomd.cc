#include "server/strongroomd.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include "server/backup_command.h"
#include "server/check.h"
#include "server/config.h"
#include "server/dev_setup.h"
#include "server/process.h"
#include "server/server.h"
#include "strongroom/base/files.h"
#include "strongroom/base/log.h"
#include "strongroom/base/version.h"

namespace strongroom::server {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
// Its own, so that supervisors can leave it alone: every start is one more try
// of the PIN, and tokens lock after a few.
constexpr int kPinRefused = 3;

int Report(const Status& status) {
  std::fprintf(stderr, "strongroomd: %s: %s\n",
               std::string(ReasonName(ReasonOf(status))).c_str(),
               std::string(MessageOf(status)).c_str());
  return ReasonOf(status) == Reason::kHsmLoginRefused ? kPinRefused : kFailed;
}

// RefuseToStart is not a normal exit: a start can fail because a call hangs in
// the token's module, and that crashes when its exit handlers run.
[[noreturn]] void RefuseToStart(const Status& status) { _exit(Report(status)); }

// Say is for standard output: what a person or a script waits for.
void Say(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// Reloadable is what SIGHUP reaches: nothing until there is a server.
class Reloadable {
 public:
  void Set(Server* server) SR_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    server_ = server;
  }
  void Reload() SR_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (server_ == nullptr) {
      log::Info("SIGHUP while not serving: nothing to reload");
      return;
    }
    log::Info("SIGHUP: reloading policy, reopening the audit log");
    (void)server_->Reload();  // it logs what fails
  }

 private:
  Mutex mutex_;
  Server* server_ SR_GUARDED_BY(mutex_) = nullptr;
};

int StopServer(const Config& config, std::unique_ptr<Server> server) {
  NotifySupervisor("STOPPING=1");
  log::Info("stopping", {{"drain_seconds", config.drain_seconds}});
  Watchdog watchdog(std::chrono::steady_clock::now() +
                    std::chrono::seconds(config.drain_seconds + 1));
  if (!server->Stop()) {
    log::Error("the token did not let go: ending at once");
    _exit(kFailed);
  }
  server.reset();
  log::Info("stopped");
  return 0;
}

// Serve runs until told to stop. `on_ready` is told the gRPC address.
int Serve(const Config& config,
          const std::function<Status(const Server&)>& on_ready) {
  log::Configure(config.log_level, config.log_format);
  Reloadable reloadable;
  SignalWatcher signals([&reloadable] { reloadable.Reload(); });
  auto created = Server::Create(config);
  if (!created.ok()) RefuseToStart(created.status());
  std::unique_ptr<Server> server = *std::move(created);
  Status started = server->Start();
  if (started.ok()) started = on_ready(*server);
  if (!started.ok()) {
    server.reset();
    RefuseToStart(started);
  }
  reloadable.Set(server.get());
  Say("ready grpc=" + server->grpc_address() +
      " metrics=" + server->metrics_address() + "\n");
  NotifySupervisor("READY=1");
  signals.WaitForStop();
  reloadable.Set(nullptr);
  return StopServer(config, std::move(server));
}

int RunDev(const DevOptions& options) {
  auto setup = PrepareDev(options, Clock::System());
  if (!setup.ok()) return Report(setup.status());
  Say("strongroomd " + std::string(kVersion) +
      " for DEVELOPMENT ONLY: its KEKs are files of SoftHSM, not in hardware."
      "\nEverything is in " +
      setup->directory + "\n");
  for (const std::string& sentence : setup->made) {
    Say("  made " + sentence + "\n");
  }
  log::Warning("development mode: not for secrets that matter");
  return Serve(setup->config, [&](const Server& server) -> Status {
    std::string lines = DevEnvironment(setup->directory, server.grpc_address());
    SR_RETURN_IF_ERROR(
        WriteFileAtomically(setup->directory + "/env", AsBytes(lines), 0600));
    Say("\nFor the CLI (also in " + setup->directory + "/env):\n" + lines +
        "\n");
    return OkStatus();
  });
}

int RunServe(const std::string& path) {
  auto config = LoadConfig(path);
  if (!config.ok()) return Report(config.status());
  return Serve(*config, [](const Server&) { return OkStatus(); });
}

int RunCheck(const std::string& path) {
  auto config = LoadConfig(path);
  if (!config.ok()) return Report(config.status());
  CheckReport report = CheckConfig(*config, Clock::System().Now());
  for (const Status& failure : report.failures) Report(failure);
  for (const std::string& warning : report.warnings) {
    Say("warning: " + warning + "\n");
  }
  for (const std::string& rest : report.not_checked) {
    Say("not checked: " + rest + "\n");
  }
  if (!report.failures.empty()) return kFailed;
  Say(path + ": no fault found\n");
  return 0;
}

// WrongUsage says which command it was, and where its options are listed.
std::string WrongUsage(const CLI::App* app, const CLI::Error& error) {
  std::string path = app->get_name();
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    path += " " + app->get_name();
  }
  return "strongroomd: ARGUMENT_INVALID: " + std::string(error.what()) +
         "; see `" + path + " --help`\n";
}

}  // namespace

int StrongroomdMain(int argc, char** argv) {
  HardenProcess();
  CLI::App app("Strongroom: a key management service whose keys stay in an HSM",
               "strongroomd");
  app.set_version_flag("--version", std::string("strongroomd ") + kVersion);
  app.require_subcommand(1);
  app.failure_message(WrongUsage);

  DevOptions dev_options;
  CLI::App* dev = app.add_subcommand(
      "dev",
      "Make all that is needed in a directory, and serve from it; for "
      "development only");
  dev->add_option("--dir", dev_options.directory, "Where everything is kept")
      ->required();
  dev->add_option("--listen", dev_options.listen, "gRPC address, loopback only")
      ->capture_default_str();
  dev->add_option("--metrics", dev_options.metrics_listen,
                  "Metrics address, loopback only")
      ->capture_default_str();

  std::string config_path;
  CLI::App* serve =
      app.add_subcommand("serve", "Serve as the configuration says");
  serve->add_option("--config", config_path, "YAML file")->required();
  CLI::App* check = app.add_subcommand(
      "check", "Look for faults in a configuration, without starting");
  check->add_option("--config", config_path, "YAML file")->required();

  OperatorCommand operate;
  DeclareBackup(app, &operate);
  DeclareRecover(app, &operate);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (operate) {
    const Status status = operate();
    if (!status.ok()) RefuseToStart(status);
    return 0;
  }
  if (dev->parsed()) return RunDev(dev_options);
  if (serve->parsed()) return RunServe(config_path);
  return RunCheck(config_path);
}

}  // namespace strongroom::server
