#include "cli/session.h"

#include <cstring>

#include "cli/output.h"

namespace strongroom::cli {

StatusOr<client::Client*> Session::client() {
  if (client_ == nullptr) {
    SR_ASSIGN_OR_RETURN(client_, environment_.connect(timeout_));
  }
  return client_.get();
}

Status Session::Print(std::string_view text) const {
  return WriteStandardOutput(environment_, AsBytes(text));
}

Status Session::PrintWithSecret(const Json& json, std::string_view field,
                                const SecretBytes& secret) const {
  std::string before = Dump(json);
  before.resize(before.rfind("\n}"));
  before += ",\n  \"" + std::string(field) + "\": \"";
  std::string value = ToBase64(secret.Expose());
  constexpr std::string_view kAfter = "\"\n}\n";

  SecretBytes text(before.size() + value.size() + kAfter.size());
  uint8_t* out = text.ExposeMutable().data();
  std::memcpy(out, before.data(), before.size());
  std::memcpy(out + before.size(), value.data(), value.size());
  std::memcpy(out + before.size() + value.size(), kAfter.data(), kAfter.size());
  WipeString(&value);
  return WriteStandardOutput(environment_, text.Expose());
}

}  // namespace strongroom::cli
