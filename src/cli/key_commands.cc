// strongroom key ...
#include <memory>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/commands.h"
#include "cli/data_args.h"
#include "cli/key_text.h"
#include "cli/report.h"
#include "cli/text.h"

namespace strongroom::cli {
namespace {

using client::Key;
using client::KeySettings;
using client::KeyVersion;

constexpr uint32_t kMaxVersion = 0x7fffffff;

struct NameArgs {
  std::string name;
};
struct VersionArgs {
  std::string name;
  uint32_t version = 0;
};
struct DestroyArgs {
  std::shared_ptr<VersionArgs> version;
  bool acknowledged = false;
};
struct SettingsArgs {
  std::string name;
  std::vector<std::string> labels;
  bool no_labels = false;
  std::string rotation_period;
  std::string max_age;
  std::string destroy_after;
  std::string registration;
  std::string rewrap_on_rotation;
  std::string retire_after;
  uint32_t max_items = 0;
  CLI::Option* max_items_option = nullptr;
};

void AddName(CLI::App& command, std::string* name) {
  command.add_option("NAME", *name, "The key, like payments/cards")->required();
}

std::shared_ptr<NameArgs> AddNameArgs(CLI::App& command) {
  auto args = std::make_shared<NameArgs>();
  AddName(command, &args->name);
  return args;
}

std::shared_ptr<VersionArgs> AddVersionArgs(CLI::App& command) {
  auto args = std::make_shared<VersionArgs>();
  AddName(command, &args->name);
  command.add_option("VERSION", args->version, "The version's number")
      ->required()
      ->check(CLI::Range(uint32_t{1}, kMaxVersion));
  return args;
}

std::shared_ptr<SettingsArgs> AddSettingsArgs(CLI::App& command) {
  auto args = std::make_shared<SettingsArgs>();
  AddName(command, &args->name);
  command
      .add_option("--label", args->labels,
                  "A label, KEY=VALUE; may be given again")
      ->allow_extra_args(false);
  command.add_option("--rotation-period", args->rotation_period,
                     "Rotate by itself this often, like 90d; 0: by hand");
  args->max_items_option =
      command
          .add_option("--max-items", args->max_items,
                      "DEKs that may share a batch key (default 1024)")
          ->check(CLI::Range(1, 4096));
  command.add_option("--max-age", args->max_age,
                     "How long a batch key may stay open, like 5s; 0: not");
  command.add_option("--destroy-after", args->destroy_after,
                     "Waiting period of a destruction, like 30d");
  command
      .add_option("--registration", args->registration,
                  "Whether DEKs are registered: optional (default), required, "
                  "off")
      ->check(CLI::IsMember({"optional", "required", "off"}));
  command
      .add_option("--rewrap-on-rotation", args->rewrap_on_rotation,
                  "Whether a rotation starts a rewrap job: on, off (default)")
      ->check(CLI::IsMember({"on", "off"}));
  command.add_option("--retire-after", args->retire_after,
                     "Disable a version this long after its rotation, like "
                     "30d, once no registered DEK needs it; 0: never");
  return args;
}

// ParseSeconds reads an option of whole seconds; absent if it was not given.
Status ParseSeconds(std::string_view option, const std::string& text,
                    std::optional<std::chrono::seconds>* out) {
  if (text.empty()) return OkStatus();
  SR_ASSIGN_OR_RETURN(auto duration, ParseDuration(option, text));
  *out = std::chrono::duration_cast<std::chrono::seconds>(duration);
  if (**out == duration) return OkStatus();
  return UsageError(std::string(option) + " is \"" + text +
                    "\"; want whole seconds");
}

StatusOr<KeySettings> ToSettings(const SettingsArgs& args) {
  KeySettings settings;
  if (args.no_labels && !args.labels.empty()) {
    return UsageError("--no-labels and --label contradict each other");
  }
  if (args.no_labels || !args.labels.empty()) {
    SR_ASSIGN_OR_RETURN(settings.labels, ParseLabels(args.labels));
  }
  SR_RETURN_IF_ERROR(ParseSeconds("--rotation-period", args.rotation_period,
                                  &settings.rotation_period));
  SR_RETURN_IF_ERROR(ParseSeconds("--destroy-after", args.destroy_after,
                                  &settings.destroy_after));
  SR_RETURN_IF_ERROR(ParseSeconds("--retire-after", args.retire_after,
                                  &settings.retire_after));
  if (!args.rewrap_on_rotation.empty()) {
    settings.rewrap_on_rotation = args.rewrap_on_rotation == "on";
  }
  if (!args.max_age.empty()) {
    SR_ASSIGN_OR_RETURN(settings.max_age,
                        ParseDuration("--max-age", args.max_age));
  }
  if (args.max_items_option->count() > 0) settings.max_items = args.max_items;
  if (!args.registration.empty()) {
    std::string& word = settings.registration.emplace(args.registration);
    for (char& c : word) c = static_cast<char>(c - 'a' + 'A');
  }
  return settings;
}

bool ChangesNothing(const KeySettings& settings) {
  return !settings.labels && !settings.rotation_period && !settings.max_items &&
         !settings.max_age && !settings.destroy_after &&
         !settings.registration && !settings.rewrap_on_rotation &&
         !settings.retire_after;
}

Status PrintVersion(Session& session, const std::string& name,
                    const KeyVersion& version, std::string text) {
  if (!session.json()) return session.Print(Printable(name) + text + "\n");
  Json json = {{"key", name}};
  json.update(ToJson(version));
  return session.PrintJson(json);
}

}  // namespace

Runner DeclareKeyCreate(CLI::App& command) {
  auto args = AddSettingsArgs(command);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(KeySettings settings, ToSettings(*args));
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(Key key, client->CreateKey(args->name, settings));
    if (session.json()) return session.PrintJson(ToJson(key));
    return session.Print("made key " + Printable(key.name) + ": version " +
                         std::to_string(key.primary_version) +
                         " is primary; its KEK is on the token\n");
  };
}

Runner DeclareKeyList(CLI::App& command) {
  auto prefix = std::make_shared<std::string>();
  command.add_option("PREFIX", *prefix, "Only names that start so");
  return [prefix](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(std::vector<Key> keys, client->ListKeys(*prefix));
    if (!session.json()) return session.Print(ShowKeys(keys, session.now()));
    Json list = Json::array();
    for (const Key& key : keys) list.push_back(ToJson(key));
    return session.PrintJson(Json{{"keys", std::move(list)}});
  };
}

Runner DeclareKeyShow(CLI::App& command) {
  auto args = AddNameArgs(command);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(Key key, client->GetKey(args->name));
    if (session.json()) return session.PrintJson(ToJson(key));
    return session.Print(ShowKey(key, session.now()));
  };
}

Runner DeclareKeyUpdate(CLI::App& command) {
  auto args = AddSettingsArgs(command);
  command.add_flag("--no-labels", args->no_labels, "Take all labels away");
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(KeySettings change, ToSettings(*args));
    if (ChangesNothing(change)) {
      return UsageError(
          "nothing to change; want one of --label, --no-labels, "
          "--rotation-period, --max-items, --max-age, --destroy-after, "
          "--registration, --rewrap-on-rotation, --retire-after");
    }
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(Key key, client->UpdateKey(args->name, change));
    if (session.json()) return session.PrintJson(ToJson(key));
    return session.Print(ShowKey(key, session.now()));
  };
}

Runner DeclareKeyRotate(CLI::App& command) {
  auto args = AddNameArgs(command);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(Key key, client->RotateKey(args->name));
    if (session.json()) return session.PrintJson(ToJson(key));
    const std::string name = Printable(key.name);
    return session.Print(
        name + ": version " + std::to_string(key.primary_version) +
        " is primary now; earlier enabled versions still open.\n" +
        (key.rewrap_on_rotation ? "A job moves"
                                : "`strongroom job start " + name + "` moves") +
        " registered DEKs to it, `strongroom rewrap` a wrapped DEK that you "
        "keep.\n");
  };
}

Runner DeclareKeyEnable(CLI::App& command) {
  auto args = AddVersionArgs(command);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(KeyVersion version,
                        client->EnableVersion(args->name, args->version));
    return PrintVersion(
        session, args->name, version,
        " version " + std::to_string(version.version) + " is " + version.state);
  };
}

Runner DeclareKeyDisable(CLI::App& command) {
  auto args = AddVersionArgs(command);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(KeyVersion version,
                        client->DisableVersion(args->name, args->version));
    return PrintVersion(session, args->name, version,
                        " version " + std::to_string(version.version) + " is " +
                            version.state +
                            ": nothing opens under it any more\n"
                            "Undo: strongroom key enable " +
                            args->name + " " + std::to_string(args->version));
  };
}

Runner DeclareKeyDestroy(CLI::App& command) {
  auto destroy = std::make_shared<DestroyArgs>();
  destroy->version = AddVersionArgs(command);
  command.add_flag("--acknowledge-unregistered", destroy->acknowledged,
                   "Also if callers may hold wraps that nobody registered: "
                   "they will never open again");
  return [destroy](Session& session) -> Status {
    const VersionArgs* args = destroy->version.get();
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(KeyVersion version,
                        client->ScheduleDestroyVersion(
                            args->name, args->version, destroy->acknowledged));
    const std::string seen =
        version.traces.has_value()
            ? "Seen: " + ShowTraces(*version.traces, session.now()) + ".\n"
            : "";
    std::string when = version.destroy_time.has_value()
                           ? ShowTime(*version.destroy_time, session.now())
                           : "a time the service did not say";
    return PrintVersion(
        session, args->name, version,
        " version " + std::to_string(version.version) +
            " is disabled, and its KEK will be destroyed at " + when + ".\n" +
            seen +
            "What is still wrapped under it is then lost for ever.\n"
            "Until then: strongroom key cancel-destroy " +
            args->name + " " + std::to_string(args->version));
  };
}

Runner DeclareKeyCancelDestroy(CLI::App& command) {
  auto args = AddVersionArgs(command);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(KeyVersion version, client->CancelDestroyVersion(
                                                args->name, args->version));
    return PrintVersion(session, args->name, version,
                        " version " + std::to_string(version.version) +
                            " will not be destroyed; it is " + version.state +
                            "\nTo use it: strongroom key enable " + args->name +
                            " " + std::to_string(args->version));
  };
}

}  // namespace strongroom::cli
