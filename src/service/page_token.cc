#include "service/page_token.h"

#include "strongroom/base/bytes.h"
#include "strongroom/base/names.h"

namespace strongroom::service {
namespace {

Status NotOurs() {
  return Error(Reason::kArgumentInvalid,
               "the page token is not one of ours; want next_page_token of "
               "an answer, or none to begin");
}

}  // namespace

std::string PageTokenFor(const std::string& last_name) {
  return ToBase64(AsBytes(last_name));
}

StatusOr<std::string> NameInPageToken(const std::string& token) {
  if (token.empty()) return std::string();
  std::optional<Bytes> name = FromBase64(token);
  if (!name.has_value() || !KeyName::Parse(AsText(*name)).ok()) {
    return NotOurs();
  }
  return std::string(AsText(*name));
}

std::string PageTokenFor(const registry::DekId& last) {
  return PageTokenFor(last.ToString());
}

StatusOr<std::optional<registry::DekId>> DekInPageToken(
    const std::string& token) {
  if (token.empty()) return std::optional<registry::DekId>();
  std::optional<Bytes> text = FromBase64(token);
  if (!text.has_value()) return NotOurs();
  StatusOr<registry::DekId> id = registry::DekId::Parse(AsText(*text));
  if (!id.ok()) return NotOurs();
  return std::optional<registry::DekId>(*id);
}

}  // namespace strongroom::service
