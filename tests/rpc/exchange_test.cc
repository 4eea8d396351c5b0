// What the door itself does: whose bytes go to which row, and how answers and
// failures leave.
#include <gmock/gmock.h>

#include <set>

#include "rpc/buffers.h"
#include "tests/rpc/door_fixture.h"

namespace strongroom::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string MethodOf(const service::Row& row) {
  return std::string(row.spec->service) + "/" + std::string(row.spec->rpc);
}

TEST_F(DoorTest, EachMethodBringsItsBytesToItsOwnRow) {
  for (const service::Row* row : service::AllRows()) {
    const std::string method = MethodOf(*row);
    EXPECT_TRUE(SendRaw(method, "bytes of " + method).ok() ||
                row->spec->rpc == "WhoAmI")
        << method;
    EXPECT_EQ(fake_.calls().back().rpc, row->spec->rpc);
    EXPECT_EQ(fake_.calls().back().request, "bytes of " + method);
    EXPECT_EQ(fake_.calls().back().door, "grpc");
  }
}

TEST_F(DoorTest, ALargeRequestComesWhole) {
  std::string bytes(3 << 20, 'x');
  for (size_t i = 0; i < bytes.size(); i += 1000) bytes[i] = 'y';
  EXPECT_TRUE(SendRaw("KeyService/BatchWrap", bytes).ok());
  EXPECT_EQ(fake_.calls().back().request, bytes);
}

TEST_F(DoorTest, AnUnknownMethodIsUnimplemented) {
  EXPECT_EQ(SendRaw("KeyService/Steal", "").error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(DoorTest, AFailureCarriesReasonDomainDelayAndRequestId) {
  fake_.answer = []() -> StatusOr<service::RawAnswer> {
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

TEST_F(DoorTest, AFaultOfOursDoesNotTellItsCauseToTheCaller) {
  fake_.answer = []() -> StatusOr<service::RawAnswer> {
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

TEST_F(DoorTest, WithoutACertificateThereIsNoCaller) {
  grpc::ClientContext context;
  v1::WhoAmIResponse response;
  grpc::Status status = admin_->WhoAmI(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(fake_.calls().at(0).caller_status,
              HasReason(Reason::kUnauthenticated));
}

TEST_F(DoorTest, TheClientsDeadlineReachesTheServiceAsSteadyTime) {
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

TEST_F(DoorTest, WithoutADeadlineNoneIsPassedOn) {
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  ASSERT_TRUE(admin_->GetStatus(&context, {}, &response).ok());
  EXPECT_FALSE(fake_.calls().at(0).deadline.has_value());
}

TEST_F(DoorTest, EveryRequestHasAnIdOfItsOwn) {
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

TEST_F(DoorTest, TheCostIsToldInTrailingMetadataIfTheServiceGivesIt) {
  fake_.answer = []() -> StatusOr<service::RawAnswer> {
    service::RawAnswer answer;
    answer.cost = model::Cost{2, 1024, std::chrono::microseconds(77)};
    return answer;
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

TEST_F(DoorTest, NoCostIsAskedForOrToldUnlessTheCallerAsks) {
  grpc::ClientContext context;
  v1::WrapResponse response;
  ASSERT_TRUE(keys_->Wrap(&context, {}, &response).ok());
  EXPECT_FALSE(fake_.calls().at(0).ask_cost);
  EXPECT_EQ(Trailer(context, "strongroom-token-ops"), std::nullopt);
}

TEST_F(DoorTest, AnAnswerIsGivenAsTheServiceMadeIt) {
  v1::WrapResponse made;
  made.set_name("demo/app");
  made.set_wrapped_dek(std::string(100'000, 'w'));
  fake_.answer = [&]() -> StatusOr<service::RawAnswer> {
    return FakeKeyService::AnswerOf(made);
  };
  grpc::ClientContext context;
  v1::WrapResponse response;
  ASSERT_TRUE(keys_->Wrap(&context, {}, &response).ok());
  EXPECT_EQ(response.SerializeAsString(), made.SerializeAsString());
}

TEST(ReceivedTest, ThePiecesAreTheReceivedBytesThemselves) {
  std::string memory(64, 's');
  grpc::Slice slice(memory.data(), memory.size(), grpc::Slice::STATIC_SLICE);
  const grpc::Slice twice[] = {slice, slice};
  for (size_t count : {1, 2}) {
    const grpc::ByteBuffer buffer(twice, count);
    const rpc::Received received(buffer);
    ASSERT_EQ(received.pieces().size(), count);
    EXPECT_EQ(received.pieces()[0].data(),
              reinterpret_cast<const uint8_t*>(memory.data()));
  }
  const rpc::Received none{grpc::ByteBuffer()};
  EXPECT_TRUE(none.pieces().empty());
}

// One worker, one place in the queue.
class NarrowDoorTest : public DoorTest {
 protected:
  NarrowDoorTest() : DoorTest(1, 1) {}
};

TEST_F(NarrowDoorTest, LifecycleRequestsBeyondTheQueueAreToldToWait) {
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
