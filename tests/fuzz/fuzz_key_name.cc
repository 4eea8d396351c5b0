#include <cstddef>
#include <cstdint>
#include <string_view>

#include "strongroom/base/names.h"
#include "tests/fuzz/check.h"

using strongroom::KeyName;
using strongroom::Reason;
using strongroom::fuzz::Require;
using strongroom::fuzz::RequireRefusal;

namespace {

constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kLater = "abcdefghijklmnopqrstuvwxyz0123456789._-";

// The grammar once more, segment by segment, to hold the parser against.
bool IsSegment(std::string_view segment) {
  return !segment.empty() &&
         kFirst.find(segment.front()) != std::string_view::npos &&
         segment.find_first_not_of(kLater) == std::string_view::npos;
}

bool IsName(std::string_view text) {
  if (text.size() > KeyName::kMaxSize) return false;
  for (;;) {
    const size_t slash = text.find('/');
    if (!IsSegment(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = strongroom::AsText({data, size});
  const auto name = KeyName::Parse(text);
  Require(name.ok() == IsName(text), "exactly the grammar's names parse");
  if (name.ok()) {
    Require(name->ToString() == text, "a name is what was parsed");
  } else {
    RequireRefusal(name.status(), Reason::kNameInvalid);
  }
  return 0;
}
