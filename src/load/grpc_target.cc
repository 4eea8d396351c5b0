#include "load/grpc_target.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <charconv>
#include <thread>
#include <utility>
#include <vector>

#include "strongroom/base/files.h"

namespace strongroom::load {
namespace {

constexpr int kMaxAnswerBytes = 64 << 20;
constexpr std::chrono::seconds kConnectTime{10};

const char* CodeName(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::StatusCode::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    default:
      return "error";
  }
}

// NumberIn reads a trailing header of the service's; 0 if it is not there.
double NumberIn(const grpc::ClientContext& context, const char* name) {
  const auto& trailers = context.GetServerTrailingMetadata();
  auto it = trailers.find(name);
  double value = 0;
  if (it != trailers.end()) {
    std::from_chars(it->second.begin(), it->second.end(), value);
  }
  return value;
}

class GrpcTarget final : public Target {
 public:
  GrpcTarget(const GrpcTargetOptions& options,
             std::shared_ptr<const Operation> operation)
      : options_(options), operation_(std::move(operation)) {}

  ~GrpcTarget() override {
    for (Queue& queue : queues_) queue.cq.Shutdown();
    for (std::thread& thread : threads_) thread.join();
  }

  Status Connect() {
    SR_ASSIGN_OR_RETURN(std::string ca, ReadFile(options_.client.ca_file));
    SR_ASSIGN_OR_RETURN(std::string cert, ReadFile(options_.client.cert_file));
    SR_ASSIGN_OR_RETURN(SecretBytes key,
                        ReadPrivateFile(options_.client.key_file));
    std::string key_text(AsText(key.Expose()));
    auto credentials = grpc::SslCredentials({ca, key_text, cert});
    WipeString(&key_text);
    grpc::ChannelArguments settings;
    settings.SetMaxReceiveMessageSize(kMaxAnswerBytes);
    settings.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // Else channels to one address would share a connection.
    settings.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    if (!options_.client.server_name.empty()) {
      settings.SetSslTargetNameOverride(options_.client.server_name);
    }
    for (uint32_t i = 0; i < options_.connections; ++i) {
      auto channel = grpc::CreateCustomChannel(
          "dns:///" + options_.client.address, credentials, settings);
      if (!channel->WaitForConnected(std::chrono::system_clock::now() +
                                     kConnectTime)) {
        return Error(Reason::kServerUnreachable,
                     "no connection to " + options_.client.address +
                         " within 10 s; want a service there whose "
                         "certificate the given CA vouches for");
      }
      stubs_.push_back(std::make_unique<grpc::GenericStub>(channel));
    }
    queues_ = std::vector<Queue>(options_.threads);
    for (uint32_t i = 0; i < options_.threads; ++i) {
      threads_.emplace_back([this, i] { TakeAnswers(i); });
    }
    return OkStatus();
  }

  uint32_t threads() const override { return options_.threads; }

  void Send(Request* request, Sink* sink) override {
    auto call = std::make_unique<Call>();
    call->request = request;
    call->sink = sink;
    call->n = next_.fetch_add(1, std::memory_order_relaxed);
    call->context.set_deadline(std::chrono::system_clock::now() +
                               options_.timeout);
    if (options_.ask_cost) call->context.AddMetadata("strongroom-cost", "1");
    grpc::GenericStub& stub = *stubs_[request->number % stubs_.size()];
    grpc::CompletionQueue& cq =
        queues_[request->number / stubs_.size() % queues_.size()].cq;
    call->reader =
        stub.PrepareUnaryCall(&call->context, operation_->method(call->n),
                              operation_->Encode(call->n), &cq);
    call->reader->StartCall();
    // TakeAnswers owns the call from here.
    Call* started = call.release();
    started->reader->Finish(&started->answer, &started->status, started);
  }

 private:
  struct Call {
    Request* request = nullptr;
    Sink* sink = nullptr;
    uint64_t n = 0;
    grpc::ClientContext context = {};
    grpc::ByteBuffer answer = {};
    grpc::Status status = {};
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader = {};
  };
  struct Queue {
    grpc::CompletionQueue cq;
  };

  void TakeAnswers(uint32_t thread) {
    void* tag = nullptr;
    bool ok = false;
    while (queues_[thread].cq.Next(&tag, &ok)) {
      std::unique_ptr<Call> call(static_cast<Call*>(tag));
      const Outcome outcome = OutcomeOf(call.get());
      call->sink->OnDone(call->request, outcome, thread);
    }
  }

  Outcome OutcomeOf(Call* call) const {
    Outcome outcome;
    if (!call->status.ok()) {
      outcome.error = std::string(CodeName(call->status.error_code())) + ": " +
                      call->status.error_message();
      return outcome;
    }
    outcome.items = operation_->CountGood(call->n, &call->answer);
    outcome.ok = outcome.items == operation_->items();
    if (!outcome.ok) outcome.error = "items of the answer failed";
    if (options_.ask_cost) {
      outcome.batch =
          static_cast<uint32_t>(NumberIn(call->context, "strongroom-batch"));
      outcome.token_operations =
          NumberIn(call->context, "strongroom-token-ops");
      // One operation that others share counts as this request's part of it.
      if (outcome.batch > outcome.items && outcome.token_operations <= 1) {
        outcome.token_operations =
            static_cast<double>(outcome.items) / outcome.batch;
      }
    }
    return outcome;
  }

  const GrpcTargetOptions options_;
  const std::shared_ptr<const Operation> operation_;
  std::atomic<uint64_t> next_{0};
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<Queue> queues_;
  std::vector<std::thread> threads_;
};

}  // namespace

StatusOr<std::unique_ptr<Target>> ConnectTarget(
    const GrpcTargetOptions& options,
    std::shared_ptr<const Operation> operation) {
  auto target = std::make_unique<GrpcTarget>(options, std::move(operation));
  SR_RETURN_IF_ERROR(target->Connect());
  return StatusOr<std::unique_ptr<Target>>(std::move(target));
}

}  // namespace strongroom::load
