// strongroomd as it is, with one RPC more: an echo that does nothing, in the
// same process, behind the same TLS and the same gRPC threads. Wrap is measured
// against it. Part of the benchmarks, never of a release.
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/server_builder.h>

#include <deque>
#include <string>

#include "server/strongroomd.h"
#include "strongroom/base/mutex.h"
#include "strongroom/bench/v1/echo.grpc.pb.h"

namespace strongroom {
namespace {

constexpr uint32_t kMaxAnswer = 4u << 20;

void Answer(const bench::v1::EchoRequest& request,
            bench::v1::EchoResponse* response) {
  response->mutable_payload()->assign(
      std::min(request.answer_bytes(), kMaxAnswer), 'e');
}

// One stream: reads ahead of its answers, which wait in their order.
class EchoStream final
    : public grpc::ServerBidiReactor<bench::v1::EchoRequest,
                                     bench::v1::EchoResponse> {
 public:
  EchoStream() { StartRead(&read_); }
  void OnReadDone(bool ok) override {
    {
      MutexLock lock(mutex_);
      if (ok) {
        Answer(read_, &answers_.emplace_back());
      } else {
        no_more_ = true;
      }
    }
    if (ok) StartRead(&read_);
    GoOn();
  }
  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(mutex_);
      writing_ = false;
      if (!ok) answers_.clear();
    }
    GoOn();
  }
  void OnDone() override { delete this; }

 private:
  void GoOn() {
    bool finish = false;
    {
      MutexLock lock(mutex_);
      if (writing_ || finished_ || (answers_.empty() && !no_more_)) return;
      if (answers_.empty()) {
        finish = finished_ = true;
      } else {
        written_.Swap(&answers_.front());
        answers_.pop_front();
        writing_ = true;
      }
    }
    if (finish) {
      Finish(grpc::Status::OK);
    } else {
      StartWrite(&written_);
    }
  }

  bench::v1::EchoRequest read_;
  bench::v1::EchoResponse written_;
  Mutex mutex_;
  bool finished_ SR_GUARDED_BY(mutex_) = false;
  bool writing_ SR_GUARDED_BY(mutex_) = false;
  bool no_more_ SR_GUARDED_BY(mutex_) = false;
  std::deque<bench::v1::EchoResponse> answers_ SR_GUARDED_BY(mutex_);
};

class EchoService final : public bench::v1::Echo::CallbackService {
 public:
  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context,
                                 const bench::v1::EchoRequest* request,
                                 bench::v1::EchoResponse* response) override {
    Answer(*request, response);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  grpc::ServerBidiReactor<bench::v1::EchoRequest, bench::v1::EchoResponse>*
  Stream(grpc::CallbackServerContext*) override {
    return new EchoStream;
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
