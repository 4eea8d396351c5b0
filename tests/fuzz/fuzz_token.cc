#include <cstddef>
#include <cstdint>

#include "strongroom/envelope/token.h"
#include "tests/fuzz/check.h"

using strongroom::Bytes;
using strongroom::ByteView;
using strongroom::Reason;
using strongroom::ToBytes;
using strongroom::fuzz::Require;
using strongroom::fuzz::RequireRefusal;
namespace envelope = strongroom::envelope;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const auto token = envelope::ParseToken(bytes);
  if (!token.ok()) {
    RequireRefusal(token.status(), Reason::kMalformed, Reason::kFormatUnknown);
    return 0;
  }
  Bytes again = envelope::SerializeHeader(token->header);
  Require(again.size() == token->header_size, "header_size is the header's");
  envelope::AppendLeaf(token->leaf, &again);
  Require(again == ToBytes(bytes), "Serialize(Parse(b)) == b");
  Require(envelope::ParseHeader(bytes.first(token->header_size)).ok() &&
              envelope::ParseLeaf(bytes.subspan(token->header_size)).ok(),
          "a token string is a header and a leaf");
  return 0;
}
