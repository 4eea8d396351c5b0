#include <cstddef>
#include <cstdint>
#include <string>

#include "strongroom/base/bytes.h"
#include "tests/fuzz/check.h"

using strongroom::ByteView;
using strongroom::fuzz::Require;

namespace {

std::string WithoutSpace(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    if (!space) out += c;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const auto decoded = strongroom::FromBase64(strongroom::AsText(bytes));
  if (decoded) {
    Require(strongroom::ToBase64(*decoded) ==
                WithoutSpace(strongroom::AsText(bytes)),
            "one text for one value");
  }
  const auto again = strongroom::FromBase64(strongroom::ToBase64(bytes));
  Require(again && *again == strongroom::ToBytes(bytes),
          "what is encoded decodes to itself");
  return 0;
}
