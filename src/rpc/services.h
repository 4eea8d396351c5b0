// The two gRPC services, as raw byte-buffer methods: sizes are bounded and
// bytes parsed by us, so that what is wrong with them is answered with a
// reason.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>
#include <vector>

#include "rpc/edge.h"

namespace strongroom::rpc {

// MakeServices gives strongroom.v1.KeyService and KeyAdmin; `edge` outlives
// them.
std::vector<std::unique_ptr<grpc::Service>> MakeServices(Edge& edge);

}  // namespace strongroom::rpc
