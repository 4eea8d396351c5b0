#include "server/backup_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "server/backup.h"
#include "strongroom/base/log.h"

namespace strongroom::server {
namespace {

void Say(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

std::string Described(const Manifest& manifest) {
  const store::StoreFacts& store = manifest.store;
  return "  made " + manifest.created + " by strongroomd " + manifest.program +
         "\n  installation " + store.installation_id.ToString() + ", schema " +
         std::to_string(store.schema) + ", change " +
         std::to_string(store.change_seq) + "\n  " +
         std::to_string(store.keys) + " keys, " +
         std::to_string(store.versions) + " versions, " +
         std::to_string(store.deks) + " registered DEKs, " +
         std::to_string(store.tombstones) + " shredded ids\n";
}

StatusOr<Config> LoadQuietly(const std::string& path) {
  SR_ASSIGN_OR_RETURN(Config config, LoadConfig(path));
  log::Configure(config.log_level, config.log_format);
  return config;
}

Status Create(const std::string& config_path, const std::string& out) {
  SR_ASSIGN_OR_RETURN(const Config config, LoadQuietly(config_path));
  SR_ASSIGN_OR_RETURN(const Manifest manifest,
                      CreateBackup(config, out, Clock::System()));
  Say("backup " + out + "\n" + Described(manifest));
  return OkStatus();
}

Status Verify(const std::string& file, const std::string& public_key) {
  SR_ASSIGN_OR_RETURN(const Manifest manifest, VerifyBackup(file, public_key));
  Say("backup " + file + " is whole, and signed by that key\n" +
      Described(manifest));
  return OkStatus();
}

Status Restore(const std::string& config_path, const RestoreOptions& options) {
  SR_ASSIGN_OR_RETURN(const Config config, LoadQuietly(config_path));
  SR_ASSIGN_OR_RETURN(const RestoreReport report,
                      RestoreBackup(config, options, Clock::System()));
  Say("restored " + config.store_path + " from " + options.file + "\n" +
      Described(report.manifest));
  Say(std::string("  verified by ") +
      (report.by_token ? "the token's signing key\n"
                       : "the public key alone: the token could not say\n"));
  if (!report.kept.empty()) {
    Say("  what was there is kept: " + report.kept + "\n");
  }
  for (const Returned& one : report.returned) {
    Say("  shredded since, and back: strongroom dek shred " + one.key + " " +
        one.dek_id + " --yes\n");
  }
  if (!report.audit_gap.empty()) {
    Say("  other shredded ids may have come back: " + report.audit_gap + "\n");
  }
  Say("Next: strongroomd recover, for versions that are newer than the backup; "
      "then start the service, which rotates each key.\n");
  return OkStatus();
}

Status RunRecover(const std::string& config_path,
                  const RecoverOptions& options) {
  SR_ASSIGN_OR_RETURN(const Config config, LoadQuietly(config_path));
  SR_ASSIGN_OR_RETURN(const RecoverReport report,
                      Recover(config, options, Clock::System()));
  const keyring::RebuildReport& rebuilt = report.rebuilt;
  Say((report.made_store ? "made " : "completed ") + config.store_path +
      " for installation " + report.installation.ToString() + ": " +
      std::to_string(rebuilt.added.size()) + " versions of " +
      std::to_string(rebuilt.keys_made) + " new keys and of known ones\n");
  for (const keyring::RebuiltVersion& one : rebuilt.added) {
    Say("  " + one.key + " v" + std::to_string(one.version) + "\n");
  }
  if (rebuilt.signing_key) Say("  the signing key\n");
  for (const std::string& left : rebuilt.left) {
    Say("  left alone: " + left + "\n");
  }
  return OkStatus();
}

CLI::Option* AddConfig(CLI::App& command, std::string* config) {
  return command.add_option("--config", *config, "YAML file")->required();
}

}  // namespace

void DeclareBackup(CLI::App& app, OperatorCommand* chosen) {
  CLI::App* backup = app.add_subcommand(
      "backup", "Make, verify and restore signed copies of the store");
  backup->require_subcommand(1);
  auto config = std::make_shared<std::string>();
  auto file = std::make_shared<std::string>();
  auto options = std::make_shared<RestoreOptions>();

  CLI::App* create = backup->add_subcommand(
      "create", "Copy the store; the service may be running");
  AddConfig(*create, config.get());
  create->add_option("--out", *file, "The new file")->required();
  create->callback([=] { *chosen = [=] { return Create(*config, *file); }; });

  CLI::App* verify =
      backup->add_subcommand("verify", "Check a backup, without the token");
  verify->add_option("FILE", *file, "The backup")->required();
  verify
      ->add_option("--public-key", options->public_key_file,
                   "What `strongroom hsm public-key` printed")
      ->required();
  verify->callback([=] {
    *chosen = [=] { return Verify(*file, options->public_key_file); };
  });

  CLI::App* restore = backup->add_subcommand(
      "restore", "Put a backup in the store's place; the service is stopped");
  AddConfig(*restore, config.get());
  restore->add_option("--from", options->file, "The backup")->required();
  restore->add_option("--public-key", options->public_key_file,
                      "Verify it with this key, too");
  restore->add_flag("--force", options->force,
                    "Replace the store that is there; it is kept beside");
  restore->callback(
      [=] { *chosen = [=] { return Restore(*config, *options); }; });
}

void DeclareRecover(CLI::App& app, OperatorCommand* chosen) {
  CLI::App* recover = app.add_subcommand(
      "recover",
      "Rebuild keys and versions from the token's objects; the service is "
      "stopped");
  auto config = std::make_shared<std::string>();
  auto options = std::make_shared<RecoverOptions>();
  auto installation = std::make_shared<std::string>();
  AddConfig(*recover, config.get());
  recover->add_option("--installation", *installation,
                      "Whose KEKs, if the token has several installations'");
  recover->add_option("--names", options->names_file,
                      "Names of keys: lines of \"UUID NAME\"");
  recover->callback([=] {
    *chosen = [=]() -> Status {
      if (!installation->empty()) {
        SR_ASSIGN_OR_RETURN(options->installation, Uuid::Parse(*installation));
      }
      return RunRecover(*config, *options);
    };
  });
}

}  // namespace strongroom::server
