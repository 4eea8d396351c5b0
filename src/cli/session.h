// Session: one command's view of its environment and the global options.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "cli/json.h"
#include "cli/strongroom.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/client/client.h"

namespace strongroom::cli {

class Session {
 public:
  Session(const Environment& environment, bool json,
          std::chrono::milliseconds timeout)
      : environment_(environment), json_(json), timeout_(timeout) {}

  const Environment& environment() const { return environment_; }
  bool json() const { return json_; }
  WallTime now() const { return environment_.clock.Now(); }

  // client connects at the first call.
  StatusOr<client::Client*> client();

  // Print writes to standard output: all of it, or a failure.
  Status Print(std::string_view text) const;
  Status PrintJson(const Json& json) const { return Print(Dump(json)); }
  // PrintWithSecret adds one more field, the secret in base64, to a JSON object
  // that is not empty; the text never leaves locked memory.
  Status PrintWithSecret(const Json& json, std::string_view field,
                         const SecretBytes& secret) const;

 private:
  const Environment& environment_;
  const bool json_;
  const std::chrono::milliseconds timeout_;
  std::unique_ptr<client::Client> client_;
};

}  // namespace strongroom::cli
