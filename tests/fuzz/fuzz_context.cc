#include <cstddef>
#include <cstdint>

#include "strongroom/envelope/context.h"
#include "tests/fuzz/check.h"

using strongroom::ByteView;
using strongroom::Reason;
using strongroom::ToBytes;
using strongroom::fuzz::Require;
using strongroom::fuzz::RequireRefusal;
namespace envelope = strongroom::envelope;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const auto pairs = envelope::ParseContext(bytes);
  if (!pairs.ok()) {
    RequireRefusal(pairs.status(), Reason::kContextInvalid);
    return 0;
  }
  const auto again = envelope::CanonicalContext(
      envelope::ContextPairs(pairs->rbegin(), pairs->rend()));
  Require(again.ok(), "what parses can be written");
  Require(*again == ToBytes(bytes), "Serialize(Parse(b)) == b");
  return 0;
}
