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
  const auto leaf = envelope::ParseLeaf(bytes);
  if (!leaf.ok()) {
    RequireRefusal(leaf.status(), Reason::kMalformed);
    return 0;
  }
  Bytes again;
  envelope::AppendLeaf(*leaf, &again);
  Require(again == ToBytes(bytes), "Serialize(Parse(b)) == b");
  const auto limits = envelope::SecretSizeLimits(leaf->purpose);
  const size_t secret_size = leaf->sealed.size() - envelope::kTagSize;
  Require(secret_size >= limits.min && secret_size <= limits.max,
          "the secret's size is within its purpose's limits");
  return 0;
}
