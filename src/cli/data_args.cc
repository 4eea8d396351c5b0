#include "cli/data_args.h"

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/report.h"
#include "cli/text.h"
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
