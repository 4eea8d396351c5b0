#include "service/page_token.h"

#include "strongroom/base/bytes.h"
#include "strongroom/base/names.h"

namespace strongroom::service {

std::string PageTokenFor(const std::string& last_name) {
  return ToBase64(AsBytes(last_name));
}

StatusOr<std::string> NameInPageToken(const std::string& token) {
  if (token.empty()) return std::string();
  std::optional<Bytes> name = FromBase64(token);
  if (!name.has_value() || !KeyName::Parse(AsText(*name)).ok()) {
    return Error(Reason::kArgumentInvalid,
                 "the page token is not one of ours; want next_page_token of "
                 "an answer, or none to begin");
  }
  return std::string(AsText(*name));
}

}  // namespace strongroom::service
