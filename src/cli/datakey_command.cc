// strongroom datakey.
#include <memory>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/commands.h"
#include "cli/data_args.h"
#include "cli/report.h"
#include "cli/text.h"
#include "strongroom/envelope/token.h"

namespace strongroom::cli {
namespace {

struct DataKeyArgs : DataArgs {
  uint32_t bytes = 32;
  std::string wrapped_out;
  std::string dek_out;
  bool without_plaintext = false;
  RegisterArgs registers;
};

// Plan is where the two results go; absent paths go into the JSON, or (the
// plaintext) nowhere.
struct Plan {
  std::optional<OutputSpec> wrapped;
  std::optional<OutputSpec> dek;
};

OutputSpec SpecFor(const DataKeyArgs& args, const std::string& path,
                   const char* option, bool secret) {
  OutputSpec spec;
  spec.path = path;
  spec.option = option;
  spec.base64 = args.base64;
  spec.force = args.force;
  spec.secret = secret;
  return spec;
}

Status CheckContradictions(const DataKeyArgs& args, bool json) {
  if (args.without_plaintext && !args.dek_out.empty()) {
    return UsageError(
        "--without-plaintext and --dek-out contradict each other");
  }
  if (json && (args.dek_out == "-" || args.wrapped_out == "-")) {
    return UsageError(
        "--output json takes standard output; name files with --dek-out and "
        "--wrapped-out, or leave them out to have the bytes in the JSON");
  }
  if (!json && !args.without_plaintext && args.dek_out.empty()) {
    return UsageError(
        "where does the DEK go? Name a file with --dek-out (- for standard "
        "output), ask for --output json, or say --without-plaintext");
  }
  if (args.dek_out == "-" &&
      (args.wrapped_out.empty() || args.wrapped_out == "-")) {
    return UsageError(
        "DEK and wrapped DEK cannot both go to standard output; name a file "
        "with --wrapped-out");
  }
  if (args.registers.registers && !json &&
      (args.dek_out == "-" || args.wrapped_out.empty() ||
       args.wrapped_out == "-")) {
    return UsageError(
        "--register gives an id, which standard output cannot take beside the "
        "bytes; want files for both, or --output json");
  }
  if (!args.dek_out.empty() && args.dek_out == args.wrapped_out) {
    return UsageError("--dek-out and --wrapped-out name the same file");
  }
  return OkStatus();
}

StatusOr<Plan> MakePlan(const DataKeyArgs& args, const Session& session) {
  SR_RETURN_IF_ERROR(CheckContradictions(args, session.json()));
  Plan plan;
  if (!args.wrapped_out.empty() || !session.json()) {
    plan.wrapped =
        SpecFor(args, args.wrapped_out.empty() ? "-" : args.wrapped_out,
                "--wrapped-out", false);
    SR_RETURN_IF_ERROR(CheckOutput(session.environment(), *plan.wrapped));
  }
  if (!args.dek_out.empty()) {
    plan.dek = SpecFor(args, args.dek_out, "--dek-out", true);
    SR_RETURN_IF_ERROR(CheckOutput(session.environment(), *plan.dek));
  }
  return plan;
}

// WriteFiles writes the wrapped DEK first: a DEK without it could encrypt what
// nobody opens again.
Status WriteFiles(const Session& session, const Plan& plan,
                  const client::DataKey& key) {
  const Environment& environment = session.environment();
  if (plan.wrapped.has_value()) {
    SR_RETURN_IF_ERROR(
        WriteOutput(environment, *plan.wrapped, key.wrapped_dek));
  }
  if (plan.dek.has_value()) {
    SR_RETURN_IF_ERROR(WriteOutput(environment, *plan.dek, key.dek.Expose()));
  }
  return OkStatus();
}

Status PrintJson(const Session& session, const DataKeyArgs& args,
                 const Plan& plan, const client::DataKey& key) {
  Json json;
  json["key"] = args.key;
  json["key_version"] = key.key_version;
  if (!key.dek_id.empty()) json["dek_id"] = key.dek_id;
  json["wrapped_dek"] = ToBase64(key.wrapped_dek);
  if (plan.wrapped.has_value()) json["wrapped_out"] = plan.wrapped->path;
  if (plan.dek.has_value()) json["dek_out"] = plan.dek->path;
  if (plan.dek.has_value() || args.without_plaintext)
    return session.PrintJson(json);
  return session.PrintWithSecret(json, "dek", key.dek);
}

Status PrintText(const Session& session, const DataKeyArgs& args,
                 const Plan& plan, const client::DataKey& key) {
  // Standard output belongs to the bytes if any of them went there.
  if (plan.wrapped->path == "-") return OkStatus();
  if (plan.dek.has_value() && plan.dek->path == "-") return OkStatus();
  std::string text = plan.wrapped->path + ": wrapped DEK under " + args.key +
                     " version " + std::to_string(key.key_version);
  if (!key.dek_id.empty()) text += ", registered as " + key.dek_id;
  text += "\n";
  if (plan.dek.has_value()) {
    text += plan.dek->path + ": the DEK itself; erase it when it was used\n";
  }
  return session.Print(text);
}

}  // namespace

Runner DeclareDataKey(CLI::App& command) {
  auto args = std::make_shared<DataKeyArgs>();
  AddKeyName(command, args.get());
  AddContext(command, args.get());
  command.add_option("--bytes", args->bytes, "Size of the DEK")
      ->capture_default_str();
  command.add_option("--wrapped-out", args->wrapped_out,
                     "File for the wrapped DEK (default: standard output)");
  command.add_option("--dek-out", args->dek_out,
                     "File for the DEK, - for standard output");
  command.add_flag("--without-plaintext", args->without_plaintext,
                   "Have only the wrapped DEK made");
  AddBase64(command, args.get(), "Write both as base64 text");
  AddForce(command, args.get());
  AddRegister(command, &args->registers);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(Plan plan, MakePlan(*args, session));
    SR_ASSIGN_OR_RETURN(client::Context context, ParseContext(args->context));
    if (args->bytes < envelope::kMinDekSize ||
        args->bytes > envelope::kMaxDekSize) {
      return Error(Reason::kDekSizeInvalid, "--bytes is " +
                                                std::to_string(args->bytes) +
                                                "; a DEK has 16 to 64 bytes");
    }
    SR_ASSIGN_OR_RETURN(auto registering, ToRegistering(args->registers));
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(client::DataKey key,
                        client->GenerateDataKey(args->key, args->bytes,
                                                !args->without_plaintext,
                                                context, registering));
    SR_RETURN_IF_ERROR(WriteFiles(session, plan, key));
    if (session.json()) return PrintJson(session, *args, plan, key);
    return PrintText(session, *args, plan, key);
  };
}

}  // namespace strongroom::cli
