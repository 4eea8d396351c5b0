// Failures as gRPC sends them.
#pragma once

#include <grpcpp/support/status.h>

#include <string_view>

#include "strongroom/base/status.h"

namespace strongroom::rpc {

// ToGrpcStatus gives code, message and details of wire/status.h.
grpc::Status ToGrpcStatus(const Status& status, std::string_view request_id);

}  // namespace strongroom::rpc
