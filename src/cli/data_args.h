// Options that data commands share, and what is done with them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/json.h"
#include "cli/output.h"
#include "cli/session.h"
#include "strongroom/client/client.h"

namespace CLI {
class App;
}

namespace strongroom::cli {

struct DataArgs {
  std::string key;  // the key, or the one expected
  std::string in = "-";
  std::string out = "-";
  bool base64 = false;
  bool force = false;
  std::vector<std::string> context;
};

// Each adds one kind of option to a command.
void AddKeyName(CLI::App& command, DataArgs* args);
void AddExpectedKey(CLI::App& command, DataArgs* args);
void AddInput(CLI::App& command, DataArgs* args);
void AddOutput(CLI::App& command, DataArgs* args);
void AddBase64(CLI::App& command, DataArgs* args, const char* help);
void AddForce(CLI::App& command, DataArgs* args);
// AddContext also says in the command's footer what belongs in a context.
void AddContext(CLI::App& command, DataArgs* args);

// ParseContext checks as the service would: CONTEXT_INVALID; a usage error for
// a pair without '='.
StatusOr<client::Context> ParseContext(const std::vector<std::string>& pairs);

// ParseLabels: a usage error for what is not KEY=VALUE, or comes twice.
StatusOr<client::Labels> ParseLabels(const std::vector<std::string>& pairs);

struct RegisterArgs {
  bool registers = false;
  std::vector<std::string> labels;
  std::string reference;
  std::string request_id;
};
void AddRegister(CLI::App& command, RegisterArgs* args);
// ToRegistering is nothing without --register; a usage error for options that
// need it.
StatusOr<std::optional<client::Registering>> ToRegistering(
    const RegisterArgs& args);

// Outcome is what a data command gives: bytes, and what it says about them.
struct Outcome {
  Json facts;               // without the bytes
  std::string bytes_field;  // their name in JSON, e.g. "wrapped_dek"
  std::string said;         // for people, when the bytes went to a file
};

// EmitToken and EmitSecret write the bytes where `spec` says. In JSON they are
// a base64 field, unless they went to a file: then `out` names it.
Status EmitToken(Session& session, const OutputSpec& spec, Outcome outcome,
                 ByteView token);
Status EmitSecret(Session& session, const OutputSpec& spec, Outcome outcome,
                  const SecretBytes& secret);
// CheckEmit is CheckOutput, but for JSON on standard output, which is text.
Status CheckEmit(const Session& session, const OutputSpec& spec);

}  // namespace strongroom::cli
