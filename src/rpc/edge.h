// One exchange, written once: bound, parse, identify, run, answer, wipe.
#pragma once

#include <google/protobuf/arena.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "rpc/batch_wire.h"
#include "rpc/server_facts.h"
#include "rpc/translate.h"
#include "rpc/wire.h"
#include "rpc/worker_pool.h"
#include "strongroom/auth/caller.h"
#include "strongroom/base/clock.h"
#include "strongroom/service/key_service.h"

namespace strongroom::rpc {

// RequestIds makes ids that no other request of any process has: a random
// prefix and a count. Thread-safe.
class RequestIds {
 public:
  RequestIds();
  std::string Next();
  // count is how many were given out.
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::string prefix_;
  std::atomic<uint64_t> count_{0};
};

// Edge is what every exchange needs; it outlives them all.
struct Edge {
  service::KeyService& service;
  const Clock& clock;
  ServerFacts facts;
  WorkerPool workers;  // for what blocks
  RequestIds ids;
};

// Exchange is one request and its answer. Whoever holds it last may drop it
// only after Answer, Fail or Refuse: gRPC waits for exactly one of them.
class Exchange {
 public:
  Exchange(Edge& edge, service::Operation operation,
           grpc::CallbackServerContext* context, grpc::ByteBuffer* response);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  Edge& edge() { return edge_; }
  const std::string& request_id() const { return request_id_; }
  grpc::ServerUnaryReactor* reactor() { return reactor_; }

  // Parse is REQUEST_TOO_LARGE or MALFORMED, and else fills `request`, of which
  // `plain` takes the items where they are nothing but secrets. The received
  // bytes are wiped after it in any case.
  template <typename Request>
  Status Parse(const grpc::ByteBuffer& bytes, Request* request,
               std::vector<SecretBytes>* plain) {
    Status status = CheckSize(bytes);
    if (status.ok()) status = ParseRequest(bytes, request, plain);
    WipeBuffer(bytes);
    return status;
  }
  // MakeCall gives what the service is told of the request. Call it once.
  service::Call MakeCall();

  // Tell puts what the request cost into the answer; before Answer or Fail.
  void Tell(const std::optional<batching::Cost>& cost);
  void Answer(const google::protobuf::MessageLite& response);
  void Answer(grpc::ByteBuffer response);
  void Fail(const Status& status);
  // Refuse sends a request that could not be parsed through the pipeline, so
  // that it is recorded, and answers.
  void Refuse(const Status& why);

 private:
  Status CheckSize(const grpc::ByteBuffer& bytes) const;
  template <typename Request>
  static Status ParseRequest(const grpc::ByteBuffer& bytes, Request* request,
                             std::vector<SecretBytes>* plain) {
    if constexpr (BatchOfSecrets<Request>) {
      if (auto items = TakePlainItems(bytes)) {
        *plain = std::move(items->secrets);
        return ParseMessage(items->rest, request);
      }
    }
    return ParseMessage(bytes, request);
  }
  void Finish(const grpc::Status& status);

  Edge& edge_;
  const service::OperationSpec& spec_;
  grpc::CallbackServerContext* context_;
  grpc::ServerUnaryReactor* reactor_;
  grpc::ByteBuffer* response_;
  std::string request_id_;
};

inline void Submit(service::KeyService& to, service::Call call,
                   service::SealCommand command,
                   service::Done<service::SealResult> done) {
  to.Seal(std::move(call), std::move(command), std::move(done));
}
inline void Submit(service::KeyService& to, service::Call call,
                   service::OpenCommand command,
                   service::Done<service::OpenResult> done) {
  to.Open(std::move(call), std::move(command), std::move(done));
}
inline void Submit(service::KeyService& to, service::Call call,
                   service::RewrapCommand command,
                   service::Done<service::RewrapResult> done) {
  to.Rewrap(std::move(call), std::move(command), std::move(done));
}

// Respond writes the answer of a data operation.
template <typename Response, typename Result>
void Respond(Exchange& exchange, const AnswerShape& shape,
             const Result& result) {
  google::protobuf::Arena arena;
  auto* response = google::protobuf::Arena::CreateMessage<Response>(&arena);
  Status answer = ToAnswer(shape, result, response);
  if (answer.ok()) {
    exchange.Answer(*response);
  } else {
    exchange.Fail(answer);
  }
  WipeSecrets(response);
}
template <typename Response>
void Respond(Exchange& exchange, const AnswerShape& shape,
             const service::SealResult& result) requires requires(Response r) {
  r.add_headers();
}
{ exchange.Answer(WriteSealedItems(shape, result)); }

// ServeData runs a data operation: asynchronous, on whatever thread finishes.
template <typename Request, typename Response>
grpc::ServerUnaryReactor* ServeData(Edge& edge, service::Operation operation,
                                    grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* bytes,
                                    grpc::ByteBuffer* out) {
  auto exchange = std::make_shared<Exchange>(edge, operation, context, out);
  grpc::ServerUnaryReactor* reactor = exchange->reactor();
  google::protobuf::Arena arena;
  auto* request = google::protobuf::Arena::CreateMessage<Request>(&arena);
  std::vector<SecretBytes> plain;
  Status parsed = exchange->Parse(*bytes, request, &plain);
  if (!parsed.ok()) {
    WipeSecrets(request);
    exchange->Refuse(parsed);
    return reactor;
  }
  auto command = ToCommand(request);
  bool compact = CompactOf(*request);
  if (!command.ok()) {
    WipeSecrets(request);
    exchange->Refuse(command.status());
    return reactor;
  }
  if constexpr (BatchOfSecrets<Request>) AddItems(&plain, &*command);
  Submit(edge.service, exchange->MakeCall(), *std::move(command),
         [exchange, compact](auto result) {
           if (!result.ok()) return exchange->Fail(result.status());
           exchange->Tell(result->cost);
           Respond<Response>(*exchange, {compact, exchange->request_id()},
                             *result);
         });
  return reactor;
}

// ServeBlocking runs `Run(edge, call, request, &response)` on a worker.
template <typename Request, typename Response>
grpc::ServerUnaryReactor* ServeBlocking(Edge& edge,
                                        service::Operation operation,
                                        grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* bytes,
                                        grpc::ByteBuffer* out) {
  auto exchange = std::make_shared<Exchange>(edge, operation, context, out);
  grpc::ServerUnaryReactor* reactor = exchange->reactor();
  auto request = std::make_shared<Request>();
  Status parsed = exchange->Parse(*bytes, request.get(), /*plain=*/nullptr);
  if (!parsed.ok()) {
    exchange->Refuse(parsed);
    return reactor;
  }
  bool admitted = edge.workers.Submit([exchange, request] {
    Response response;
    Status done =
        Run(exchange->edge(), exchange->MakeCall(), *request, &response);
    if (!done.ok()) return exchange->Fail(done);
    exchange->Answer(response);
  });
  if (!admitted) {
    exchange->Refuse(Error(Reason::kQueueFull,
                           "too many lifecycle requests wait; want fewer at "
                           "once: try again",
                           std::chrono::milliseconds(500)));
  }
  return reactor;
}

}  // namespace strongroom::rpc
