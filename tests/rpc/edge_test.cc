// What the edge itself decides: size, form, and how failures leave.
#include <gmock/gmock.h>

#include <set>

#include "tests/rpc/edge_fixture.h"

namespace strongroom::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(EdgeTest, TheTableHasOneRowForEachRpcAndNoOther) {
  std::set<std::string> rpcs;
  for (const auto* service : {v1::KeyService::service_full_name(),
                              v1::KeyAdmin::service_full_name()}) {
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
            service);
    ASSERT_NE(descriptor, nullptr);
    for (int i = 0; i < descriptor->method_count(); ++i) {
      rpcs.insert(descriptor->name() + "/" + descriptor->method(i)->name());
    }
  }
  std::set<std::string> rows;
  for (const service::OperationSpec& spec : service::AllOperations()) {
    std::string row = std::string(spec.service) + "/" + std::string(spec.rpc);
    EXPECT_TRUE(rows.insert(row).second) << row << " occurs twice";
  }
  EXPECT_EQ(rows, rpcs);
}

TEST_F(EdgeTest, BytesThatAreNoMessageAreMalformedInEveryRpc) {
  for (const service::OperationSpec& spec : service::AllOperations()) {
    std::string method =
        std::string(spec.service) + "/" + std::string(spec.rpc);
    grpc::Status status = SendRaw(method, "\xff\xff\xff");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << method;
    EXPECT_EQ(ErrorInfoOf(status).reason(), "MALFORMED") << method;
    EXPECT_EQ(fake_.calls().back().operation, spec.operation) << method;
  }
  EXPECT_THAT(fake_.refusals(), SizeIs(service::AllOperations().size()));
}

TEST_F(EdgeTest, ARequestOverItsLimitIsRefusedInEveryRpc) {
  for (const service::OperationSpec& spec : service::AllOperations()) {
    std::string method =
        std::string(spec.service) + "/" + std::string(spec.rpc);
    grpc::Status status =
        SendRaw(method, std::string(spec.max_request_bytes + 1, 'x'));
    EXPECT_EQ(ErrorInfoOf(status).reason(), "REQUEST_TOO_LARGE") << method;
  }
}

TEST_F(EdgeTest, ATextThatIsNotUtf8IsMalformed) {
  v1::WrapRequest request;
  request.set_name("a");
  std::string bytes = request.SerializeAsString();
  bytes.back() = '\xc0';
  EXPECT_EQ(ErrorInfoOf(SendRaw("KeyService/Wrap", bytes)).reason(),
            "MALFORMED");
}

TEST_F(EdgeTest, AnUnknownMethodIsUnimplemented) {
  EXPECT_EQ(SendRaw("KeyService/Steal", "").error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(EdgeTest, AFailureCarriesReasonDomainDelayAndRequestId) {
  fake_.seal = [](service::SealCommand&) -> StatusOr<service::SealResult> {
    return Error(Reason::kQueueFull, "the queue is full",
                 std::chrono::milliseconds(1250));
  };
  grpc::ClientContext context;
  v1::WrapResponse response;
  grpc::Status status = keys_->Wrap(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "the queue is full");
  google::rpc::ErrorInfo info = ErrorInfoOf(status);
  EXPECT_EQ(info.reason(), "QUEUE_FULL");
  EXPECT_EQ(info.domain(), "strongroom");
  google::rpc::Status wire;
  ASSERT_TRUE(wire.ParseFromString(status.error_details()));
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(wire.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
  const auto& trailers = context.GetServerTrailingMetadata();
  auto id = trailers.find("strongroom-request-id");
  ASSERT_NE(id, trailers.end());
  std::string text(id->second.data(), id->second.size());
  EXPECT_EQ(text, fake_.calls().at(0).request_id);
  EXPECT_EQ(text, info.metadata().at("request_id"));
}

TEST_F(EdgeTest, AFaultOfOursDoesNotTellItsCauseToTheCaller) {
  fake_.seal = [](service::SealCommand&) -> StatusOr<service::SealResult> {
    return Error(Reason::kHsmUnexpected, "CKR_HOST_MEMORY in worker 3");
  };
  grpc::ClientContext context;
  v1::WrapResponse response;
  grpc::Status status = keys_->Wrap(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), Not(HasSubstr("CKR_")));
  EXPECT_THAT(status.error_details(), Not(HasSubstr("CKR_")));
  EXPECT_THAT(status.error_message(),
              HasSubstr(fake_.calls().at(0).request_id));
  EXPECT_EQ(ErrorInfoOf(status).reason(), "HSM_UNEXPECTED");
}

TEST_F(EdgeTest, ALongMessageIsCutAtACharacter) {
  fake_.seal = [](service::SealCommand&) -> StatusOr<service::SealResult> {
    std::string text = "x";
    for (int i = 0; i < 1000; ++i) text += "\xc3\xa4";
    return Error(Reason::kNameInvalid, text);
  };
  grpc::ClientContext context;
  v1::WrapResponse response;
  grpc::Status status = keys_->Wrap(&context, {}, &response);
  EXPECT_LE(status.error_message().size(), 1030u);
  EXPECT_TRUE(IsUtf8(status.error_message()));
}

TEST_F(EdgeTest, AMessageThatIsNotUtf8StillArrives) {
  fake_.seal = [](service::SealCommand&) -> StatusOr<service::SealResult> {
    return Error(Reason::kNameInvalid, "name \xff is no name");
  };
  grpc::ClientContext context;
  v1::WrapResponse response;
  EXPECT_EQ(keys_->Wrap(&context, {}, &response).error_message(),
            "name ? is no name");
}

TEST_F(EdgeTest, WithoutACertificateThereIsNoCaller) {
  grpc::ClientContext context;
  v1::WhoAmIResponse response;
  grpc::Status status = admin_->WhoAmI(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(fake_.calls().at(0).caller_status,
              HasReason(Reason::kUnauthenticated));
}

TEST_F(EdgeTest, TheClientsDeadlineReachesTheServiceAsSteadyTime) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::minutes(5));
  v1::GetStatusResponse response;
  ASSERT_TRUE(admin_->GetStatus(&context, {}, &response).ok());
  auto deadline = fake_.calls().at(0).deadline;
  ASSERT_TRUE(deadline.has_value());
  // gRPC moves deadlines between its clocks, which costs up to milliseconds.
  auto left = *deadline - clock_.Steady();
  EXPECT_GT(left, std::chrono::minutes(4));
  EXPECT_LT(left, std::chrono::minutes(5) + std::chrono::seconds(1));
}

TEST_F(EdgeTest, WithoutADeadlineNoneIsPassedOn) {
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  ASSERT_TRUE(admin_->GetStatus(&context, {}, &response).ok());
  EXPECT_FALSE(fake_.calls().at(0).deadline.has_value());
}

TEST_F(EdgeTest, EveryRequestHasAnIdOfItsOwn) {
  std::set<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    grpc::ClientContext context;
    v1::GetStatusResponse response;
    ASSERT_TRUE(admin_->GetStatus(&context, {}, &response).ok());
    ids.insert(fake_.calls().back().request_id);
  }
  EXPECT_THAT(ids, SizeIs(3));
}

std::optional<std::string> Trailer(const grpc::ClientContext& context,
                                   const char* name) {
  const auto& trailers = context.GetServerTrailingMetadata();
  auto it = trailers.find(name);
  if (it == trailers.end()) return std::nullopt;
  return std::string(it->second.data(), it->second.size());
}

service::SealResult OneSealed(std::optional<batching::Cost> cost) {
  service::SealResult result;
  result.key_name = "k";
  result.items.resize(1);
  result.items[0].header = std::make_shared<const Bytes>(Bytes{1});
  result.items[0].leaf = {2};
  result.cost = cost;
  return result;
}

TEST_F(EdgeTest, TheCostIsToldInTrailingMetadataIfTheServiceGivesIt) {
  fake_.seal = [](service::SealCommand&) -> StatusOr<service::SealResult> {
    return OneSealed(batching::Cost{2, 1024, std::chrono::microseconds(77)});
  };
  grpc::ClientContext context;
  context.AddMetadata("strongroom-cost", "1");
  v1::WrapResponse response;
  ASSERT_TRUE(keys_->Wrap(&context, {}, &response).ok());
  EXPECT_TRUE(fake_.calls().at(0).ask_cost);
  EXPECT_EQ(Trailer(context, "strongroom-token-ops"), "2");
  EXPECT_EQ(Trailer(context, "strongroom-batch"), "1024");
  EXPECT_EQ(Trailer(context, "strongroom-queue-us"), "77");
}

TEST_F(EdgeTest, NoCostIsAskedForOrToldUnlessTheCallerAsks) {
  fake_.seal = [](service::SealCommand&) -> StatusOr<service::SealResult> {
    return OneSealed(std::nullopt);
  };
  grpc::ClientContext context;
  v1::WrapResponse response;
  ASSERT_TRUE(keys_->Wrap(&context, {}, &response).ok());
  EXPECT_FALSE(fake_.calls().at(0).ask_cost);
  EXPECT_EQ(Trailer(context, "strongroom-token-ops"), std::nullopt);
}

// One worker, one place in the queue.
class NarrowEdgeTest : public EdgeTest {
 protected:
  NarrowEdgeTest() : EdgeTest(1, 1) {}
};

TEST_F(NarrowEdgeTest, LifecycleRequestsBeyondTheQueueAreToldToWait) {
  Mutex mutex;
  CondVar changed;
  bool inside = false;
  bool released = false;
  fake_.during_blocking = [&] {
    MutexLock lock(mutex);
    inside = true;
    changed.SignalAll();
    while (!released) changed.Wait(mutex);
  };
  auto status_call = [&](grpc::ClientContext* context) {
    v1::GetStatusResponse response;
    return admin_->GetStatus(context, {}, &response);
  };
  grpc::ClientContext first;
  std::thread running([&] { EXPECT_TRUE(status_call(&first).ok()); });
  {
    MutexLock lock(mutex);
    while (!inside) changed.Wait(mutex);
  }
  // The only worker is inside. Of two more, one waits and one is refused.
  grpc::ClientContext second;
  grpc::ClientContext third;
  std::vector<grpc::Status> results(2);
  auto end_when_refused = [&](grpc::ClientContext* context,
                              grpc::Status* result) {
    *result = status_call(context);
    if (result->ok()) return;
    MutexLock lock(mutex);
    released = true;
    changed.SignalAll();
  };
  std::thread a([&] { end_when_refused(&second, &results[0]); });
  std::thread b([&] { end_when_refused(&third, &results[1]); });
  running.join();
  a.join();
  b.join();
  EXPECT_NE(results[0].ok(), results[1].ok());
  const grpc::Status& refused = results[0].ok() ? results[1] : results[0];
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ErrorInfoOf(refused).reason(), "QUEUE_FULL");
  EXPECT_THAT(fake_.refusals(), SizeIs(1));
}

}  // namespace
}  // namespace strongroom::testing
