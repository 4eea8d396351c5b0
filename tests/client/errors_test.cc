#include "client/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/client/client_fixture.h"

namespace strongroom::client {
namespace {

using ::testing::AllOf;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::WireError;

const Peer kPeer = {"kms.test:7443", "ca.pem", "cert.pem", "kms.test"};

Status StatusFor(const grpc::Status& status) {
  return Interpret(status, kPeer).status;
}

Failure Unavailable(const std::string& text) {
  return Interpret({grpc::StatusCode::UNAVAILABLE, text}, kPeer);
}

TEST(InterpretTest, EveryReasonOfTheServiceArrivesAsItWasSent) {
#define STRONGROOM_X(enumerator, name, code)                               \
  EXPECT_THAT(                                                             \
      StatusFor(WireError(static_cast<grpc::StatusCode>(StatusCode::code), \
                          name, "the message")),                           \
      HasReason(Reason::enumerator, "the message"));
  STRONGROOM_REASONS(STRONGROOM_X)
#undef STRONGROOM_X
}

TEST(InterpretTest, TheRetryDelayArrives) {
  Status status = StatusFor(
      WireError(grpc::StatusCode::UNAVAILABLE, "DRAINING", "stopping", 1250));
  EXPECT_EQ(RetryAfterOf(status), std::chrono::milliseconds(1250));
}

TEST(InterpretTest, AReasonOfALaterServiceIsShownAndItsCodeKept) {
  Status status = StatusFor(WireError(grpc::StatusCode::FAILED_PRECONDITION,
                                      "MOON_TOO_FULL", "wait a week"));
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(MessageOf(status), "MOON_TOO_FULL: wait a week");
}

TEST(InterpretTest, AReasonOfAnotherDomainIsNotOurs) {
  EXPECT_THAT(
      StatusFor(WireError(grpc::StatusCode::PERMISSION_DENIED, "NOT_AUTHENTIC",
                          "by a proxy", 0, "proxy.example")),
      HasReason(Reason::kPermissionDenied, "by a proxy"));
}

TEST(InterpretTest, DetailsThatDoNotParseAreNoDetails) {
  grpc::Status status(grpc::StatusCode::INTERNAL, "odd", "\xff\xff\xff");
  EXPECT_THAT(StatusFor(status), HasReason(Reason::kInternal, "odd"));
}

TEST(InterpretTest, AReasonIsNotRepeatedInTheMessage) {
  EXPECT_THAT(StatusFor(WireError(grpc::StatusCode::INTERNAL, "INTERNAL",
                                  "INTERNAL: the service failed")),
              HasReason(Reason::kInternal, "the service failed"));
}

TEST(InterpretTest, EveryBareCodeHasAReasonOfTheSameKind) {
  struct Case {
    grpc::StatusCode code;
    Reason reason;
  };
  const Case cases[] = {
      {grpc::StatusCode::CANCELLED, Reason::kServerUnreachable},
      {grpc::StatusCode::UNKNOWN, Reason::kInternal},
      {grpc::StatusCode::INVALID_ARGUMENT, Reason::kArgumentInvalid},
      {grpc::StatusCode::DEADLINE_EXCEEDED, Reason::kDeadlineExceeded},
      {grpc::StatusCode::NOT_FOUND, Reason::kKeyNotFound},
      {grpc::StatusCode::ALREADY_EXISTS, Reason::kKeyExists},
      {grpc::StatusCode::PERMISSION_DENIED, Reason::kPermissionDenied},
      {grpc::StatusCode::RESOURCE_EXHAUSTED, Reason::kQueueFull},
      {grpc::StatusCode::FAILED_PRECONDITION, Reason::kVersionState},
      {grpc::StatusCode::ABORTED, Reason::kConflict},
      {grpc::StatusCode::OUT_OF_RANGE, Reason::kArgumentInvalid},
      {grpc::StatusCode::UNIMPLEMENTED, Reason::kUnimplemented},
      {grpc::StatusCode::INTERNAL, Reason::kInternal},
      {grpc::StatusCode::UNAVAILABLE, Reason::kServerUnreachable},
      {grpc::StatusCode::DATA_LOSS, Reason::kInternal},
      {grpc::StatusCode::UNAUTHENTICATED, Reason::kUnauthenticated}};
  for (const Case& one : cases) {
    EXPECT_THAT(StatusFor({one.code, "text"}), HasReason(one.reason));
  }
}

TEST(InterpretTest, AMessageThatIsTooLargeIsARequestToSplit) {
  Failure failure =
      Interpret({grpc::StatusCode::RESOURCE_EXHAUSTED,
                 "Received message larger than max (70000000 vs. 67108864)"},
                kPeer);
  EXPECT_THAT(failure.status, HasReason(Reason::kRequestTooLarge));
  EXPECT_FALSE(failure.transient);
}

TEST(InterpretTest, ARefusedConnectionMayBeTriedAgain) {
  Failure failure = Unavailable("Failed to connect: Connection refused");
  EXPECT_TRUE(failure.transient);
  EXPECT_THAT(failure.status,
              HasReason(Reason::kServerUnreachable,
                        AllOf(HasSubstr("kms.test:7443"),
                              HasSubstr("is strongroomd running"))));
}

TEST(InterpretTest, AHandshakeThatWillFailAgainIsNotTransient) {
  EXPECT_FALSE(
      Unavailable("Ssl handshake failed: certificate verify failed").transient);
  EXPECT_FALSE(Unavailable("Peer name x is not in peer certificate").transient);
  EXPECT_FALSE(
      Unavailable("Ssl handshake failed: wrong version number").transient);
}

TEST(InterpretTest, ATextNobodyKnowsIsPassedOn) {
  EXPECT_THAT(
      Unavailable("something new").status,
      HasReason(Reason::kServerUnreachable, HasSubstr("something new")));
}

TEST(ItemFailureTest, TheOutcomeOfAnItemIsAStatus) {
  v1::ItemStatus item;
  EXPECT_OK(ItemFailure(item));
  item.set_code(3);
  item.set_reason("NOT_AUTHENTIC");
  item.set_message("does not open");
  EXPECT_THAT(ItemFailure(item),
              HasReason(Reason::kNotAuthentic, "does not open"));
  item.set_reason("");
  EXPECT_THAT(ItemFailure(item), HasReason(Reason::kArgumentInvalid));
}

using CallTest = testing::ClientTest;

TEST_F(CallTest, AnAnswerThatDoesNotComeEndsAtTheDeadline) {
  std::promise<void> release;
  std::shared_future<void> released(release.get_future());
  service_.data.on_Wrap = [released](const auto&, auto*) { released.wait(); };
  Options options;
  options.timeout = std::chrono::milliseconds(50);
  Reconnect(options);
  StatusOr<Sealed> result = client_->Wrap("a", SecretBytes(32), {});
  release.set_value();
  EXPECT_THAT(result, HasReason(Reason::kDeadlineExceeded,
                                HasSubstr("no answer from kms.test:7443")));
  EXPECT_EQ(service_.script.Calls("Wrap"), 1);
}

}  // namespace
}  // namespace strongroom::client
