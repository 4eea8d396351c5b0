// strongroom encrypt, decrypt, wrap, unwrap, rewrap.
#include <memory>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/commands.h"
#include "cli/data_args.h"
#include "cli/input.h"
#include "cli/report.h"

namespace strongroom::cli {
namespace {

using client::Client;

constexpr char kBothBase64[] = "Input and output are base64 text";

OutputSpec TokenOutput(const DataArgs& args) {
  OutputSpec spec;
  spec.path = args.out;
  spec.base64 = args.base64;
  spec.force = args.force;
  return spec;
}

OutputSpec SecretOutput(const DataArgs& args) {
  OutputSpec spec = TokenOutput(args);
  spec.secret = true;
  return spec;
}

std::shared_ptr<DataArgs> AddSealArgs(CLI::App& command) {
  auto args = std::make_shared<DataArgs>();
  AddKeyName(command, args.get());
  AddContext(command, args.get());
  AddInput(command, args.get());
  AddOutput(command, args.get());
  AddBase64(command, args.get(), kBothBase64);
  AddForce(command, args.get());
  return args;
}

std::shared_ptr<DataArgs> AddOpenArgs(CLI::App& command) {
  auto args = std::make_shared<DataArgs>();
  AddContext(command, args.get());
  AddExpectedKey(command, args.get());
  AddInput(command, args.get());
  AddOutput(command, args.get());
  AddBase64(command, args.get(), kBothBase64);
  AddForce(command, args.get());
  return args;
}

Outcome OutcomeOf(const std::string& key, uint32_t version, const char* field,
                  const char* what) {
  return {Json{{"key", key}, {"key_version", version}}, field,
          std::string(what) + " under " + key + " version " +
              std::to_string(version)};
}

}  // namespace

Runner DeclareEncrypt(CLI::App& command) {
  auto args = AddSealArgs(command);
  return [args](Session& session) -> Status {
    OutputSpec out = TokenOutput(*args);
    SR_RETURN_IF_ERROR(CheckEmit(session, out));
    SR_ASSIGN_OR_RETURN(client::Context context, ParseContext(args->context));
    SR_ASSIGN_OR_RETURN(
        SecretBytes plaintext,
        ReadPlaintext(session.environment(), args->in, args->base64));
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(
        client::Sealed sealed,
        client->Encrypt(args->key, plaintext.Expose(), context));
    return EmitToken(
        session, out,
        OutcomeOf(args->key, sealed.key_version, "ciphertext", "ciphertext"),
        sealed.token);
  };
}

Runner DeclareDecrypt(CLI::App& command) {
  auto args = AddOpenArgs(command);
  return [args](Session& session) -> Status {
    OutputSpec out = SecretOutput(*args);
    out.text_to_terminal = true;
    SR_RETURN_IF_ERROR(CheckEmit(session, out));
    SR_ASSIGN_OR_RETURN(client::Context context, ParseContext(args->context));
    SR_ASSIGN_OR_RETURN(
        Bytes token, ReadToken(session.environment(), args->in, args->base64));
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(client::Opened opened,
                        client->Decrypt(token, context, args->key));
    return EmitSecret(session, out,
                      OutcomeOf(opened.key_name, opened.key_version,
                                "plaintext", "plaintext of a ciphertext"),
                      opened.secret);
  };
}

Runner DeclareWrap(CLI::App& command) {
  auto args = AddSealArgs(command);
  auto registers = std::make_shared<RegisterArgs>();
  AddRegister(command, registers.get());
  return [args, registers](Session& session) -> Status {
    OutputSpec out = TokenOutput(*args);
    SR_ASSIGN_OR_RETURN(auto registering, ToRegistering(*registers));
    if (registering && out.path == "-" && !session.json()) {
      return UsageError(
          "--register gives an id, and standard output is the wrapped DEK's; "
          "want --out FILE or --output json");
    }
    SR_RETURN_IF_ERROR(CheckEmit(session, out));
    SR_ASSIGN_OR_RETURN(client::Context context, ParseContext(args->context));
    SR_ASSIGN_OR_RETURN(SecretBytes dek,
                        ReadDek(session.environment(), args->in, args->base64));
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(client::Sealed sealed,
                        client->Wrap(args->key, dek, context, registering));
    Outcome outcome =
        OutcomeOf(args->key, sealed.key_version, "wrapped_dek", "wrapped DEK");
    if (registering) {
      outcome.facts["dek_id"] = sealed.dek_id;
      outcome.said += ", registered as " + sealed.dek_id;
    }
    return EmitToken(session, out, std::move(outcome), sealed.token);
  };
}

Runner DeclareUnwrap(CLI::App& command) {
  auto args = AddOpenArgs(command);
  auto id = std::make_shared<std::string>();
  command.add_option("--id", *id, "Unwrap a registered DEK; nothing is read")
      ->excludes("--in");
  return [args, id](Session& session) -> Status {
    OutputSpec out = SecretOutput(*args);
    SR_RETURN_IF_ERROR(CheckEmit(session, out));
    SR_ASSIGN_OR_RETURN(client::Context context, ParseContext(args->context));
    Bytes token;
    if (id->empty()) {
      SR_ASSIGN_OR_RETURN(
          token, ReadToken(session.environment(), args->in, args->base64));
    }
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(client::Opened opened,
                        id->empty()
                            ? client->Unwrap(token, context, args->key)
                            : client->UnwrapById(*id, context, args->key));
    return EmitSecret(session, out,
                      OutcomeOf(opened.key_name, opened.key_version, "dek",
                                "DEK that was wrapped"),
                      opened.secret);
  };
}

Runner DeclareRewrap(CLI::App& command) {
  auto args = std::make_shared<DataArgs>();
  AddExpectedKey(command, args.get());
  AddInput(command, args.get());
  AddOutput(command, args.get());
  AddBase64(command, args.get(), kBothBase64);
  AddForce(command, args.get());
  command.footer(
      "Takes a wrapped DEK, a ciphertext, or the header of one alone. The "
      "same\n"
      "file for --in and --out is replaced at once, or stays as it was.");
  return [args](Session& session) -> Status {
    OutputSpec out = TokenOutput(*args);
    if (args->in != "-") out.replaces = args->in;
    SR_RETURN_IF_ERROR(CheckEmit(session, out));
    SR_ASSIGN_OR_RETURN(
        Bytes token, ReadToken(session.environment(), args->in, args->base64));
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(client::Rewrapped rewrapped,
                        client->Rewrap(token, args->key));
    Outcome outcome =
        OutcomeOf(rewrapped.key_name, rewrapped.key_version, "token", "now");
    outcome.facts["previous_key_version"] = rewrapped.previous_key_version;
    bool moved = rewrapped.previous_key_version != rewrapped.key_version;
    outcome.said += moved ? " (it was under version " +
                                std::to_string(rewrapped.previous_key_version) +
                                ")"
                          : ", as before: nothing changed";
    return EmitToken(session, out, std::move(outcome), rewrapped.token);
  };
}

}  // namespace strongroom::cli
