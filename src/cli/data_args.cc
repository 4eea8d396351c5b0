#include "cli/data_args.h"

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/report.h"
#include "cli/text.h"
#include "strongroom/base/names.h"
#include "strongroom/envelope/context.h"

namespace strongroom::cli {
namespace {

constexpr char kContextHelp[] =
    "The context is authenticated, not hidden; the same pairs are needed to\n"
    "open. Put in what the data belongs to (customer=17, file=report.pdf), so\n"
    "that it cannot be passed off as another's. Nothing secret.";

// EmitFacts says what was done when the bytes are in a file.
Status EmitFacts(Session& session, const OutputSpec& spec, Outcome outcome) {
  if (!session.json()) {
    return session.Print(Printable(spec.path) + ": " + Printable(outcome.said) +
                         "\n");
  }
  outcome.facts["out"] = spec.path;
  return session.PrintJson(outcome.facts);
}

}  // namespace

void AddKeyName(CLI::App& command, DataArgs* args) {
  command.add_option("KEY", args->key, "The key, like payments/cards")
      ->required();
}

void AddExpectedKey(CLI::App& command, DataArgs* args) {
  command.add_option("--key", args->key,
                     "Refuse what was made under another key than this");
}

void AddInput(CLI::App& command, DataArgs* args) {
  command.add_option("--in", args->in, "File to read, - for standard input")
      ->capture_default_str();
}

void AddOutput(CLI::App& command, DataArgs* args) {
  command
      .add_option("--out", args->out, "File to write, - for standard output")
      ->capture_default_str();
}

void AddBase64(CLI::App& command, DataArgs* args, const char* help) {
  command.add_flag("--base64", args->base64, help);
}

void AddForce(CLI::App& command, DataArgs* args) {
  command.add_flag("--force", args->force, "Replace a file that exists");
}

void AddContext(CLI::App& command, DataArgs* args) {
  command
      .add_option("--context", args->context,
                  "A pair of the encryption context, KEY=VALUE; may be given "
                  "again")
      ->allow_extra_args(false);
  command.footer(kContextHelp);
}

StatusOr<client::Context> ParseContext(const std::vector<std::string>& pairs) {
  client::Context context;
  for (const std::string& pair : pairs) {
    size_t equals = pair.find('=');
    if (equals == std::string::npos) {
      return UsageError("--context is \"" + pair + "\"; want KEY=VALUE");
    }
    context.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  envelope::ContextPairs views(context.begin(), context.end());
  SR_RETURN_IF_ERROR(envelope::CanonicalContext(views).status());
  return context;
}

StatusOr<client::Labels> ParseLabels(const std::vector<std::string>& pairs) {
  client::Labels labels;
  for (const std::string& pair : pairs) {
    size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return UsageError("--label is \"" + pair + "\"; want KEY=VALUE");
    }
    std::string key = pair.substr(0, equals);
    if (!labels.emplace(key, pair.substr(equals + 1)).second) {
      return UsageError("--label gives \"" + key + "\" twice; want it once");
    }
  }
  return labels;
}

void AddRegister(CLI::App& command, RegisterArgs* args) {
  command.add_flag("--register", args->registers,
                   "Let the service keep the wrapped DEK too; says its id");
  command
      .add_option("--label", args->labels,
                  "With --register: a label, KEY=VALUE; may be given again")
      ->allow_extra_args(false);
  command.add_option("--reference", args->reference,
                     "With --register: what you call it");
  command.add_option("--request-id", args->request_id,
                     "With --register: a UUID; the same again within 24 hours "
                     "registers nothing new");
}

StatusOr<std::optional<client::Registering>> ToRegistering(
    const RegisterArgs& args) {
  if (!args.registers) {
    if (args.labels.empty() && args.reference.empty() &&
        args.request_id.empty()) {
      return std::optional<client::Registering>();
    }
    return UsageError(
        "--label, --reference and --request-id want --register with them");
  }
  client::Registering registering;
  SR_ASSIGN_OR_RETURN(registering.about.labels, ParseLabels(args.labels));
  registering.about.reference = args.reference;
  if (!args.request_id.empty()) {
    StatusOr<Uuid> id = Uuid::Parse(args.request_id);
    if (!id.ok()) return AsUsageError(id.status());
    registering.request_id = ToBytes(id->bytes());
  }
  return std::optional<client::Registering>(std::move(registering));
}

Status CheckEmit(const Session& session, const OutputSpec& spec) {
  if (session.json() && spec.path == "-") return OkStatus();
  return CheckOutput(session.environment(), spec);
}

Status EmitToken(Session& session, const OutputSpec& spec, Outcome outcome,
                 ByteView token) {
  if (spec.path == "-" && session.json()) {
    outcome.facts[outcome.bytes_field] = ToBase64(token);
    return session.PrintJson(outcome.facts);
  }
  SR_RETURN_IF_ERROR(WriteOutput(session.environment(), spec, token));
  if (spec.path == "-") return OkStatus();
  return EmitFacts(session, spec, std::move(outcome));
}

Status EmitSecret(Session& session, const OutputSpec& spec, Outcome outcome,
                  const SecretBytes& secret) {
  if (spec.path == "-" && session.json()) {
    return session.PrintWithSecret(outcome.facts, outcome.bytes_field, secret);
  }
  SR_RETURN_IF_ERROR(WriteOutput(session.environment(), spec, secret.Expose()));
  if (spec.path == "-") return OkStatus();
  return EmitFacts(session, spec, std::move(outcome));
}

}  // namespace strongroom::cli
