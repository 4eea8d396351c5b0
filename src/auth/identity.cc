#include "auth/identity.h"

#include "strongroom/base/bytes.h"

namespace strongroom::auth {
namespace {

bool HasControlCharacter(std::string_view utf8) {
  for (size_t i = 0; i < utf8.size(); ++i) {
    auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    // C1 controls are U+0080 to U+009F: c2 80 to c2 9f.
    if (byte == 0xc2 && i + 1 < utf8.size() &&
        static_cast<unsigned char>(utf8[i + 1]) < 0xa0) {
      return true;
    }
  }
  return false;
}

// FaultOf is what is wrong with an identity's value; empty if nothing is.
std::string FaultOf(std::string_view value) {
  if (value.empty()) return "is empty";
  if (value.size() > kMaxIdentitySize) {
    return "has " + std::to_string(value.size()) + " bytes; want at most " +
           std::to_string(kMaxIdentitySize);
  }
  if (!IsUtf8(value)) return "is not UTF-8";
  if (HasControlCharacter(value)) return "has control characters";
  return "";
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string Join(std::string_view kind, std::string_view value) {
  std::string identity(kind);
  identity += ':';
  identity += kind == "dns" ? LowerCase(value) : std::string(value);
  return identity;
}

}  // namespace

StatusOr<std::string> MakeIdentity(std::string_view kind,
                                   std::string_view value) {
  std::string fault = FaultOf(value);
  if (!fault.empty()) {
    return Error(Reason::kUnauthenticated,
                 "the " + std::string(kind) +
                     " name of the client certificate " + fault);
  }
  return Join(kind, value);
}

StatusOr<std::string> ParseIdentity(std::string_view text) {
  size_t colon = text.find(':');
  std::string_view kind = text.substr(0, colon);
  if (colon == std::string_view::npos ||
      (kind != "uri" && kind != "dns" && kind != "cn")) {
    return Error(Reason::kConfigInvalid,
                 "is '" + std::string(text) +
                     "'; want an identity: uri:..., dns:... or cn:...");
  }
  std::string_view value = text.substr(colon + 1);
  std::string fault = FaultOf(value);
  if (fault.empty() && value.find('*') != std::string_view::npos) {
    fault = "has a '*', but identities are compared whole; list each of them";
  }
  if (!fault.empty()) {
    return Error(Reason::kConfigInvalid,
                 "the " + std::string(kind) + " name " + fault);
  }
  return Join(kind, value);
}

}  // namespace strongroom::auth
