// The gRPC services: a method for each row of the service's table. Methods take
// raw bytes, so that wrong ones are answered with a reason.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/exchange.h"

namespace strongroom::rpc {

// FullName is a service's name as gRPC says it: "strongroom.v1.KeyService".
std::string FullName(std::string_view service);
// ServiceNames gives those of all rows, each once.
std::vector<std::string_view> ServiceNames();

// MakeServices gives one for each of them; `door` outlives them.
std::vector<std::unique_ptr<grpc::Service>> MakeServices(Door& door);

}  // namespace strongroom::rpc
