// strongroomd as it is, with one RPC more: an echo that does nothing, in the
// same process, behind the same TLS and the same gRPC threads. Wrap is measured
// against it. Part of the benchmarks, never of a release.
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/server_builder.h>

#include <string>

#include "server/strongroomd.h"
#include "strongroom/bench/v1/echo.grpc.pb.h"

namespace strongroom {
namespace {

constexpr uint32_t kMaxAnswer = 4u << 20;

class EchoService final : public bench::v1::Echo::CallbackService {
 public:
  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context,
                                 const bench::v1::EchoRequest* request,
                                 bench::v1::EchoResponse* response) override {
    response->mutable_payload()->assign(
        std::min(request->answer_bytes(), kMaxAnswer), 'e');
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

class EchoPlugin final : public grpc::ServerBuilderPlugin {
 public:
  std::string name() override { return "strongroom echo"; }
  void UpdateServerBuilder(grpc::ServerBuilder* builder) override {
    // The plugin goes with the builder, the service must not.
    static auto& echo = *new EchoService;
    builder->RegisterService(&echo);
  }
  void InitServer(grpc::ServerInitializer*) override {}
  void Finish(grpc::ServerInitializer*) override {}
  void ChangeArguments(const std::string&, void*) override {}
};

}  // namespace
}  // namespace strongroom

int main(int argc, char** argv) {
  grpc::ServerBuilder::InternalAddPluginFactory(
      []() -> std::unique_ptr<grpc::ServerBuilderPlugin> {
        return std::make_unique<strongroom::EchoPlugin>();
      });
  return strongroom::server::StrongroomdMain(argc, argv);
}
