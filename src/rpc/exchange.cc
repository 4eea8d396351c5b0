#include "rpc/exchange.h"

#include <chrono>
#include <optional>
#include <utility>

#include "rpc/buffers.h"
#include "rpc/errors.h"
#include "rpc/identity.h"
#include "rpc/rpc_server.h"

namespace strongroom::rpc {
namespace {

// Trailing metadata of a failure: what a caller quotes to the operator.
constexpr char kRequestIdKey[] = "strongroom-request-id";
// What a request cost: told to a caller who asks for it (a header of the
// request) and may know.
constexpr char kAskCostKey[] = "strongroom-cost";
constexpr char kTokenOpsKey[] = "strongroom-token-ops";
constexpr char kQueueKey[] = "strongroom-queue-us";
constexpr char kBatchKey[] = "strongroom-batch";

// gRPC deadlines are wall time; a far future one means none.
std::optional<SteadyTime> DeadlineOf(const grpc::CallbackServerContext& context,
                                     const Clock& clock) {
  auto deadline = context.deadline();
  auto left = deadline - std::chrono::system_clock::now();
  if (left > std::chrono::hours(24 * 365)) return std::nullopt;
  return clock.Steady() +
         std::chrono::duration_cast<SteadyTime::duration>(left);
}

}  // namespace

grpc::ServerUnaryReactor* Exchange::Start(Door& door, const service::Row& row,
                                          grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) {
  auto exchange =
      std::make_shared<Exchange>(door, row, context, request, response);
  grpc::ServerUnaryReactor* reactor = exchange->reactor_;
  if (!row.spec->blocks()) {
    exchange->Serve();
    return reactor;
  }
  if (!door.workers.Submit([exchange] { exchange->Serve(); })) {
    const Status full = Error(Reason::kQueueFull,
                              "too many lifecycle requests wait; want fewer at "
                              "once: try again",
                              std::chrono::milliseconds(500));
    exchange->Answer(door.service.Refuse(row, exchange->MakeCall(), full));
  }
  return reactor;
}

Exchange::Exchange(Door& door, const service::Row& row,
                   grpc::CallbackServerContext* context,
                   const grpc::ByteBuffer* request, grpc::ByteBuffer* response)
    : door_(door),
      row_(row),
      context_(context),
      reactor_(context->DefaultReactor()),
      request_(request),
      response_(response),
      request_id_(door.ids.Next()) {}

void Exchange::Serve() {
  // Keeps the bytes until Serve has returned, which may be after the answer.
  const Received received(*request_);
  door_.service.Serve(
      row_, MakeCall(), received.pieces(),
      [self = shared_from_this()](StatusOr<service::RawAnswer> answer) {
        self->Answer(std::move(answer));
      });
}

service::Call Exchange::MakeCall() const {
  return {
      .credential = CredentialOf(*context_->auth_context()),
      .door = kDoor,
      .peer = AddressOf(context_->peer()),
      .request_id = request_id_,
      .deadline = DeadlineOf(*context_, door_.clock),
      .ask_cost = context_->client_metadata().count(kAskCostKey) > 0,
  };
}

void Exchange::Answer(StatusOr<service::RawAnswer> answer) {
  if (!answer.ok()) {
    context_->AddTrailingMetadata(kRequestIdKey, request_id_);
    return reactor_->Finish(ToGrpcStatus(answer.status(), request_id_));
  }
  if (const auto& cost = answer->cost) {
    context_->AddTrailingMetadata(kTokenOpsKey,
                                  std::to_string(cost->token_operations));
    context_->AddTrailingMetadata(kQueueKey,
                                  std::to_string(cost->queued.count()));
    context_->AddTrailingMetadata(kBatchKey, std::to_string(cost->batch));
  }
  grpc::ByteBuffer buffer = ToBuffer(std::move(answer->message));
  response_->Swap(&buffer);
  // gRPC may free the context at once: nothing is touched after this.
  reactor_->Finish(grpc::Status::OK);
}

}  // namespace strongroom::rpc
