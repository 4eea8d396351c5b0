#include "rpc/errors.h"

#include "wire/status.h"

namespace strongroom::rpc {

grpc::Status ToGrpcStatus(const Status& status, std::string_view request_id) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status wire = wire::ToRpcStatus(status, request_id);
  return grpc::Status(static_cast<grpc::StatusCode>(wire.code()),
                      wire.message(), wire.SerializeAsString());
}

}  // namespace strongroom::rpc
