#include "wire/status.h"

#include <gmock/gmock.h>

#include "strongroom/base/bytes.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

google::rpc::ErrorInfo InfoOf(const google::rpc::Status& status) {
  google::rpc::ErrorInfo info;
  EXPECT_TRUE(status.details(0).UnpackTo(&info));
  return info;
}

TEST(WireStatusTest, AFailureCarriesReasonDomainDelayAndRequestId) {
  const google::rpc::Status wire =
      wire::ToRpcStatus(Error(Reason::kQueueFull, "the queue is full",
                              std::chrono::milliseconds(1250)),
                        "request-1");
  EXPECT_EQ(wire.code(), static_cast<int>(StatusCode::kResourceExhausted));
  EXPECT_EQ(wire.message(), "the queue is full");
  EXPECT_EQ(InfoOf(wire).reason(), "QUEUE_FULL");
  EXPECT_EQ(InfoOf(wire).domain(), "strongroom");
  EXPECT_EQ(InfoOf(wire).metadata().at("request_id"), "request-1");
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(wire.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
}

TEST(WireStatusTest, AFaultOfOursDoesNotTellItsCauseToTheCaller) {
  const google::rpc::Status wire = wire::ToRpcStatus(
      Error(Reason::kHsmUnexpected, "CKR_HOST_MEMORY in worker 3"),
      "request-1");
  EXPECT_THAT(wire.SerializeAsString(), Not(HasSubstr("CKR_")));
  EXPECT_THAT(wire.message(), HasSubstr("request-1"));
  EXPECT_EQ(InfoOf(wire).reason(), "HSM_UNEXPECTED");
}

TEST(WireStatusTest, ALongMessageIsCutAtACharacter) {
  std::string text = "x";
  for (int i = 0; i < 1000; ++i) text += "\xc3\xa4";
  const std::string message =
      wire::WireMessage(Error(Reason::kNameInvalid, text), "r");
  EXPECT_LE(message.size(), 1030u);
  EXPECT_TRUE(IsUtf8(message));
}

TEST(WireStatusTest, AMessageThatIsNotUtf8StillArrives) {
  EXPECT_EQ(wire::WireMessage(
                Error(Reason::kNameInvalid, "name \xff is no name"), "r"),
            "name ? is no name");
}

}  // namespace
}  // namespace strongroom::testing
