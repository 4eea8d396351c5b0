#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/client/client_fixture.h"

namespace strongroom::client {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using testing::HasReason;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::WireError;

class RetryTest : public testing::ClientTest {
 protected:
  grpc::Status Draining(int retry_ms = 0) {
    return WireError(grpc::StatusCode::UNAVAILABLE, "DRAINING", "stopping",
                     retry_ms);
  }
  StatusOr<Sealed> Wrap() { return client_->Wrap("a", SecretBytes(32), {}); }
};

TEST_F(RetryTest, AnIdempotentCallIsMadeAgainUntilItSucceeds) {
  service_.script.Fail(Draining(), 2);
  EXPECT_OK(Wrap());
  EXPECT_EQ(service_.script.Calls("Wrap"), 3);
}

TEST_F(RetryTest, TheDelaysDoubleAndAHalfOfThemIsRandom) {
  service_.script.Fail(Draining(), 3);
  EXPECT_OK(Wrap());
  // 100, 200 and 400 ms, of which three quarters at a random fraction of 1/2.
  EXPECT_THAT(slept_, ElementsAre(milliseconds(75), milliseconds(150),
                                  milliseconds(300)));
}

TEST_F(RetryTest, TheDelayTheServiceAsksForIsHonoured) {
  service_.script.Fail(Draining(2500));
  EXPECT_OK(Wrap());
  EXPECT_THAT(slept_, ElementsAre(milliseconds(2500)));
}

TEST_F(RetryTest, AShorterDelayOfTheServiceDoesNotShortenTheBackoff) {
  service_.script.Fail(Draining(1));
  EXPECT_OK(Wrap());
  EXPECT_THAT(slept_, ElementsAre(milliseconds(75)));
}

TEST_F(RetryTest, ADelayBeyondTheTimeoutIsNotWaitedFor) {
  service_.script.Fail(Draining(60'000), 9);
  StatusOr<Sealed> result = Wrap();
  EXPECT_THAT(result, HasReason(Reason::kDraining));
  EXPECT_EQ(RetryAfterOf(result.status()), milliseconds(60'000));
  EXPECT_THAT(slept_, IsEmpty());
  EXPECT_EQ(service_.script.Calls("Wrap"), 1);
}

TEST_F(RetryTest, AttemptsEndAndTheLastFailureIsGiven) {
  service_.script.Fail(Draining(), 3);
  service_.script.Fail(WireError(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                 "QUEUE_FULL", "4096 items wait"));
  EXPECT_THAT(Wrap(), HasReason(Reason::kQueueFull, HasSubstr("4096")));
  EXPECT_EQ(service_.script.Calls("Wrap"), 4);
}

TEST_F(RetryTest, WaitsCountAgainstTheTimeout) {
  Options options;
  options.timeout = milliseconds(200);
  Reconnect(options);
  service_.script.Fail(Draining(), 9);
  // 75 ms are waited; 150 more would end after the timeout.
  EXPECT_THAT(Wrap(), HasReason(Reason::kDraining));
  EXPECT_THAT(slept_, ElementsAre(milliseconds(75)));
}

TEST_F(RetryTest, WhatCannotHelpIsNotTriedAgain) {
  struct Case {
    grpc::StatusCode code;
    const char* reason;
  };
  const Case cases[] = {
      {grpc::StatusCode::INVALID_ARGUMENT, "NOT_AUTHENTIC"},
      {grpc::StatusCode::PERMISSION_DENIED, "PERMISSION_DENIED"},
      {grpc::StatusCode::FAILED_PRECONDITION, "VERSION_STATE"},
      {grpc::StatusCode::ABORTED, "CONFLICT"},
      {grpc::StatusCode::INTERNAL, "INTERNAL"},
      {grpc::StatusCode::DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"}};
  int calls = 0;
  for (const Case& one : cases) {
    service_.script.Fail(WireError(one.code, one.reason, "no"));
    EXPECT_FALSE(Wrap().ok()) << one.reason;
    EXPECT_EQ(service_.script.Calls("Wrap"), ++calls) << one.reason;
  }
  EXPECT_THAT(slept_, IsEmpty());
}

TEST_F(RetryTest, WhatChangesKeysForGoodIsNeverSentTwice) {
  using Call = std::function<Status()>;
  const std::pair<const char*, Call> calls[] = {
      {"CreateKey", [&] { return client_->CreateKey("a", {}).status(); }},
      {"RotateKey", [&] { return client_->RotateKey("a").status(); }},
      {"ScheduleDestroyVersion",
       [&] { return client_->ScheduleDestroyVersion("a", 1, false).status(); }},
      {"CancelDestroyVersion",
       [&] { return client_->CancelDestroyVersion("a", 1).status(); }}};
  for (const auto& [rpc, call] : calls) {
    service_.script.Fail(Draining());
    EXPECT_THAT(call(), HasReason(Reason::kDraining)) << rpc;
    EXPECT_EQ(service_.script.Calls(rpc), 1) << rpc;
  }
  EXPECT_THAT(slept_, IsEmpty());
}

TEST_F(RetryTest, EveryRepeatableCallIsRepeated) {
  using Call = std::function<Status()>;
  const SecretBytes dek(32);
  const Bytes token(163);
  const std::pair<const char*, Call> calls[] = {
      {"Encrypt", [&] { return client_->Encrypt("a", {}, {}).status(); }},
      {"Decrypt", [&] { return client_->Decrypt(token, {}).status(); }},
      {"Wrap", [&] { return client_->Wrap("a", dek, {}).status(); }},
      {"Unwrap", [&] { return client_->Unwrap(token, {}).status(); }},
      {"GenerateDataKey",
       [&] { return client_->GenerateDataKey("a", 32, true, {}).status(); }},
      {"Rewrap", [&] { return client_->Rewrap(token).status(); }},
      {"BatchWrap", [&] { return client_->BatchWrap("a", {}, {}).status(); }},
      {"BatchGenerateDataKeys",
       [&] {
         return client_->BatchGenerateDataKeys("a", 0, 32, true, {}).status();
       }},
      {"BatchUnwrap", [&] { return client_->BatchUnwrap({}, {}).status(); }},
      {"BatchEncrypt",
       [&] { return client_->BatchEncrypt("a", {}, {}).status(); }},
      {"BatchDecrypt", [&] { return client_->BatchDecrypt({}, {}).status(); }},
      {"BatchRewrap", [&] { return client_->BatchRewrap({}).status(); }},
      {"GetKey", [&] { return client_->GetKey("a").status(); }},
      {"ListKeys", [&] { return client_->ListKeys("").status(); }},
      {"UpdateKey", [&] { return client_->UpdateKey("a", {}).status(); }},
      {"EnableVersion",
       [&] { return client_->EnableVersion("a", 1).status(); }},
      {"DisableVersion",
       [&] { return client_->DisableVersion("a", 1).status(); }},
      {"ListTokenObjects",
       [&] { return client_->ListTokenObjects().status(); }},
      {"GetSigningKey", [&] { return client_->GetSigningKey().status(); }},
      {"GetStatus", [&] { return client_->GetStatus().status(); }},
      {"WhoAmI", [&] { return client_->WhoAmI().status(); }}};
  for (const auto& [rpc, call] : calls) {
    service_.script.Fail(Draining());
    EXPECT_OK(call()) << rpc;
    EXPECT_EQ(service_.script.Calls(rpc), 2) << rpc;
  }
}

// Each method of the API says so itself, in its idempotency_level.
TEST(RepeatTest, AMethodIsSentOnceOnlyIfSendingItTwiceMightDoItTwice) {
  const std::set<std::string> once = {"CreateKey",
                                      "RotateKey",
                                      "ScheduleDestroyVersion",
                                      "CancelDestroyVersion",
                                      "DeleteDek",
                                      "StartRewrap",
                                      "PauseJob",
                                      "ResumeJob",
                                      "CancelJob"};
  std::set<std::string> found;
  for (const auto* service :
       {v1::WrapRequest::descriptor()->file()->service(0),
        v1::GetKeyRequest::descriptor()->file()->service(0)}) {
    for (int i = 0; i < service->method_count(); ++i) {
      const auto& method = *service->method(i);
      if (RepeatOf(*method.input_type()) == Repeat::kOnce) {
        found.insert(method.name());
      }
    }
  }
  EXPECT_EQ(found, once);
}

TEST(RepeatTest, AMessageOfNoMethodIsSentOnce) {
  EXPECT_EQ(RepeatOf(*v1::Key::descriptor()), Repeat::kOnce);
}

}  // namespace
}  // namespace strongroom::client
