#include "rpc/edge.h"

#include <array>
#include <charconv>

#include "rpc/errors.h"
#include "rpc/identity.h"
#include "strongroom/base/random.h"

namespace strongroom::rpc {
namespace {

// Trailing metadata of a failure: what a caller quotes to the operator.
constexpr char kRequestIdKey[] = "strongroom-request-id";
// What a request cost: told to who asks (a header of the request) and may know.
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

RequestIds::RequestIds() {
  std::array<uint8_t, 8> random;
  FillRandom(random);
  prefix_ = ToHex(random);
}

std::string RequestIds::Next() {
  constexpr size_t kDigits = 8;
  const uint64_t count = count_.fetch_add(1, std::memory_order_relaxed) + 1;
  char digits[16];
  const char* end =
      std::to_chars(digits, digits + sizeof digits, count, 16).ptr;
  const auto size = static_cast<size_t>(end - digits);
  std::string id;
  id.reserve(prefix_.size() + 1 + sizeof digits);
  id += prefix_;
  id += '-';
  if (size < kDigits) id.append(kDigits - size, '0');
  return id.append(digits, size);
}

Exchange::Exchange(Edge& edge, service::Operation operation,
                   grpc::CallbackServerContext* context,
                   grpc::ByteBuffer* response)
    : edge_(edge),
      spec_(service::SpecOf(operation)),
      context_(context),
      reactor_(context->DefaultReactor()),
      response_(response),
      request_id_(edge.ids.Next()) {}

namespace {

std::string_view AdviceFor(service::Operation operation) {
  if (operation != service::Operation::kEncrypt) return "";
  return ": take a data key (GenerateDataKey) and encrypt on your side";
}

}  // namespace

Status Exchange::CheckSize(const grpc::ByteBuffer& bytes) const {
  if (bytes.Length() <= spec_.max_request_bytes) return OkStatus();
  return Error(Reason::kRequestTooLarge,
               std::string(spec_.rpc) + " request of " +
                   std::to_string(bytes.Length()) + " bytes; want at most " +
                   std::to_string(spec_.max_request_bytes) +
                   std::string(AdviceFor(spec_.operation)));
}

service::Call Exchange::MakeCall() {
  return {
      .operation = spec_.operation,
      .credential = CredentialOf(*context_->auth_context()),
      .peer = AddressOf(context_->peer()),
      .request_id = request_id_,
      .deadline = DeadlineOf(*context_, edge_.clock),
      .ask_cost = context_->client_metadata().count(kAskCostKey) > 0,
  };
}

void Exchange::Tell(const std::optional<batching::Cost>& cost) {
  if (!cost.has_value()) return;
  context_->AddTrailingMetadata(kTokenOpsKey,
                                std::to_string(cost->token_operations));
  context_->AddTrailingMetadata(kQueueKey,
                                std::to_string(cost->queued.count()));
  context_->AddTrailingMetadata(kBatchKey, std::to_string(cost->batch));
}

void Exchange::Answer(const google::protobuf::MessageLite& response) {
  Answer(SerializeMessage(response));
}

void Exchange::Answer(grpc::ByteBuffer response) {
  response_->Swap(&response);
  Finish(grpc::Status::OK);
}

void Exchange::Fail(const Status& status) {
  Finish(ToGrpcStatus(status, request_id_));
}

void Exchange::Refuse(const Status& why) {
  Fail(edge_.service.Refuse(MakeCall(), why));
}

void Exchange::Finish(const grpc::Status& status) {
  if (!status.ok()) context_->AddTrailingMetadata(kRequestIdKey, request_id_);
  // gRPC may free the context at once: nothing is touched after this.
  reactor_->Finish(status);
}

}  // namespace strongroom::rpc
