#include "strongroom/model/data.h"
#include "strongroom/service/operation.h"

namespace strongroom::service {

using std::chrono::milliseconds;

// A unary request may be somewhat over 64 KiB of plaintext, so that the answer
// can say what to use instead.
size_t OperationSpec::max_request_bytes() const {
  switch (operation_class) {
    case OperationClass::kUnary:
      return 128 * 1024;
    case OperationClass::kBatch:
      return model::kMaxBatchRequestBytes + 128 * 1024;
    case OperationClass::kAdmin:
      return 64 * 1024;
    case OperationClass::kView:
      return 16 * 1024;
  }
  return 0;
}

milliseconds OperationSpec::max_deadline() const {
  switch (operation_class) {
    case OperationClass::kUnary:
    case OperationClass::kView:
      return milliseconds(30'000);
    case OperationClass::kBatch:
      return milliseconds(60'000);
    case OperationClass::kAdmin:
      return milliseconds(120'000);
  }
  return milliseconds(0);
}

}  // namespace strongroom::service
