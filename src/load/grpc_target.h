// GrpcTarget: strongroomd over gRPC with mutual TLS, asynchronous, so that few
// threads put a large load on it.
#pragma once

#include <memory>

#include "load/operation.h"
#include "load/target.h"

namespace strongroom::load {

struct GrpcTargetOptions {
  client::Options client;
  uint32_t connections = 4;
  uint32_t threads = 2;  // that take answers, each with its own queue
  std::chrono::milliseconds timeout{10'000};
  // Asks for the cost of each request. The caller's policy must have `cost`;
  // the asking takes a little time itself.
  bool ask_cost = false;
};

// ConnectTarget connects every connection before it returns. FILE_UNREADABLE,
// FILE_NOT_PRIVATE, SERVER_UNREACHABLE.
StatusOr<std::unique_ptr<Target>> ConnectTarget(
    const GrpcTargetOptions& options,
    std::shared_ptr<const Operation> operation);

}  // namespace strongroom::load
