#include <cstddef>
#include <cstdint>

#include "strongroom/envelope/token.h"
#include "tests/fuzz/check.h"

using strongroom::ByteView;
using strongroom::Reason;
using strongroom::ToBytes;
using strongroom::fuzz::Require;
using strongroom::fuzz::RequireRefusal;
namespace envelope = strongroom::envelope;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const auto header = envelope::ParseHeader(bytes);
  if (!header.ok()) {
    RequireRefusal(header.status(), Reason::kMalformed, Reason::kFormatUnknown);
    return 0;
  }
  Require(envelope::SerializeHeader(*header) == ToBytes(bytes),
          "Serialize(Parse(b)) == b");
  Require(header->key_version >= 1 &&
              header->key_version <= envelope::kMaxKeyVersion,
          "the key version is in range");
  return 0;
}
