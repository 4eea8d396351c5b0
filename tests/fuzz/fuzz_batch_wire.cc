// Two readers of one message: the batches that are read without protobuf, and
// protobuf. The first byte is how the message is cut into pieces.
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>

#include "tests/fuzz/check.h"
#include "tests/wire/batch_oracle.h"

using strongroom::fuzz::Require;
namespace v1 = strongroom::v1;

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  // A line for each string that is not UTF-8 says nothing here.
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t slice = size_t{1} + data[0];
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const auto& found :
       {strongroom::testing::Disagreement<v1::BatchWrapRequest>(bytes, slice),
        strongroom::testing::Disagreement<v1::BatchEncryptRequest>(bytes,
                                                                   slice)}) {
    Require(!found, found ? found->c_str() : "the two readers agree");
  }
  return 0;
}
