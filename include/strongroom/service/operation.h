// What is the same for every door of an operation: its name, the right that it
// needs, and what a request of it may weigh.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "strongroom/auth/policy.h"

namespace strongroom::service {

// Unary (64 KiB and change), Batch (4 MiB), Admin (recorded durably when it may
// have changed something), View.
enum class OperationClass : uint8_t { kUnary, kBatch, kAdmin, kView };

// The services of the API.
inline constexpr std::string_view kKeyService = "KeyService";
inline constexpr std::string_view kKeyAdmin = "KeyAdmin";

struct OperationSpec {
  std::string_view rpc;      // "Wrap"
  std::string_view service;  // "KeyService"
  auth::Action action;
  OperationClass operation_class;

  // What the message of a request weighs at most, framing included.
  size_t max_request_bytes() const;
  std::chrono::milliseconds max_deadline() const;
  // Blocks: it is served before Serve returns, and takes the disk's and the
  // token's time. The others never block.
  bool blocks() const {
    return operation_class == OperationClass::kAdmin ||
           operation_class == OperationClass::kView;
  }
};

}  // namespace strongroom::service
