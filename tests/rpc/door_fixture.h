// The two services over an in-process channel: no network, no TLS, and so no
// caller, which the fake does not mind.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "rpc/exchange.h"
#include "rpc/services.h"
#include "strongroom/v1/key_admin.grpc.pb.h"
#include "strongroom/v1/key_service.grpc.pb.h"
#include "tests/rpc/fake_key_service.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::testing {

class DoorTest : public ::testing::Test {
 protected:
  explicit DoorTest(int workers = 2, size_t queue = 8)
      : door_{.service = fake_,
              .clock = clock_,
              .workers = {workers, queue},
              .ids = {}},
        services_(rpc::MakeServices(door_)) {
    grpc::ServerBuilder builder;
    for (const auto& each : services_) builder.RegisterService(each.get());
    builder.SetMaxReceiveMessageSize(8 << 20);
    server_ = builder.BuildAndStart();
    channel_ = server_->InProcessChannel({});
    keys_ = v1::KeyService::NewStub(channel_);
    admin_ = v1::KeyAdmin::NewStub(channel_);
  }
  ~DoorTest() override { server_->Shutdown(); }

  // SendRaw sends bytes as they are to "Service/Method".
  grpc::Status SendRaw(const std::string& method, const std::string& bytes) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    grpc::Slice slice(bytes);
    grpc::ByteBuffer request(&slice, 1);
    auto call = stub.PrepareUnaryCall(&context, "/strongroom.v1." + method,
                                      request, &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }

  static google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status) {
    google::rpc::Status wire;
    google::rpc::ErrorInfo info;
    EXPECT_TRUE(wire.ParseFromString(status.error_details()));
    for (const auto& detail : wire.details()) {
      if (detail.Is<google::rpc::ErrorInfo>()) detail.UnpackTo(&info);
    }
    return info;
  }

  FakeClock clock_;
  FakeKeyService fake_;
  rpc::Door door_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::KeyService::Stub> keys_;
  std::unique_ptr<v1::KeyAdmin::Stub> admin_;
};

}  // namespace strongroom::testing
