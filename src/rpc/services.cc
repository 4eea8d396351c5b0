#include "rpc/services.h"

#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>

namespace strongroom::rpc {
namespace {

using Handler =
    grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, grpc::ByteBuffer>;
using grpc::internal::RpcMethod;
using grpc::internal::RpcServiceMethod;

// RowService does what generated code does for each method of a service.
class RowService final : public grpc::Service {
 public:
  RowService(Door& door, std::string_view name) {
    for (const service::Row* row : service::AllRows()) {
      if (row->spec->service == name) Add(door, *row);
    }
  }

 private:
  void Add(Door& door, const service::Row& row) {
    // gRPC keeps the pointer.
    const std::string& path = *paths_.emplace_back(
        std::make_unique<const std::string>("/" + FullName(row.spec->service) +
                                            "/" + std::string(row.spec->rpc)));
    // gRPC takes ownership of both.
    AddMethod(std::make_unique<RpcServiceMethod>(path.c_str(),
                                                 RpcMethod::NORMAL_RPC, nullptr)
                  .release());
    MarkMethodRawCallback(
        static_cast<int>(paths_.size()) - 1,
        std::make_unique<Handler>([&door, &row](
                                      grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) {
          return Exchange::Start(door, row, context, request, response);
        }).release());
  }

  std::vector<std::unique_ptr<const std::string>> paths_;
};

}  // namespace

std::string FullName(std::string_view service) {
  return "strongroom.v1." + std::string(service);
}

std::vector<std::string_view> ServiceNames() {
  std::vector<std::string_view> names;
  for (const service::Row* row : service::AllRows()) {
    if (std::ranges::find(names, row->spec->service) == names.end()) {
      names.push_back(row->spec->service);
    }
  }
  return names;
}

std::vector<std::unique_ptr<grpc::Service>> MakeServices(Door& door) {
  std::vector<std::unique_ptr<grpc::Service>> services;
  for (std::string_view name : ServiceNames()) {
    services.push_back(std::make_unique<RowService>(door, name));
  }
  return services;
}

}  // namespace strongroom::rpc
