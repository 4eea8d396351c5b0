#include "strongroom/service/operations.h"

namespace strongroom::service {
namespace {

using std::chrono::milliseconds;

struct ClassLimits {
  size_t max_request_bytes;
  milliseconds max_deadline;
};

// What the messages of a request weigh at most, framing included. A unary one
// may be somewhat over 64 KiB of plaintext, so that the answer can say what to
// use instead.
constexpr ClassLimits LimitsOf(OperationClass operation_class) {
  switch (operation_class) {
    case OperationClass::kUnary:
      return {128 * 1024, milliseconds(30'000)};
    case OperationClass::kBatch:
      return {kMaxBatchRequestBytes + 128 * 1024, milliseconds(60'000)};
    case OperationClass::kAdmin:
      return {64 * 1024, milliseconds(120'000)};
    case OperationClass::kView:
      return {16 * 1024, milliseconds(30'000)};
  }
  return {0, milliseconds(0)};
}

constexpr OperationSpec Row(Operation operation, std::string_view rpc,
                            std::string_view service, auth::Action action,
                            OperationClass operation_class,
                            bool releases_plaintext) {
  ClassLimits limits = LimitsOf(operation_class);
  return {operation,
          rpc,
          service,
          action,
          operation_class,
          releases_plaintext,
          limits.max_request_bytes,
          limits.max_deadline};
}

constexpr OperationSpec kTable[] = {
#define STRONGROOM_X(e, rpc, service, action, size, plain)                    \
  Row(Operation::e, rpc, service, auth::Action::action, OperationClass::size, \
      plain),
    STRONGROOM_OPERATIONS(STRONGROOM_X)
#undef STRONGROOM_X
};

}  // namespace

const OperationSpec& SpecOf(Operation operation) {
  return kTable[static_cast<size_t>(operation)];
}

std::span<const OperationSpec> AllOperations() { return kTable; }

}  // namespace strongroom::service
