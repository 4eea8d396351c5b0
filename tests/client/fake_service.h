// FakeService: the generated services with answers that a test gives.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "strongroom/base/mutex.h"
#include "strongroom/v1/key_admin.grpc.pb.h"
#include "strongroom/v1/key_service.grpc.pb.h"

namespace strongroom::testing {

// WireError is a failure as strongroomd sends it.
inline grpc::Status WireError(grpc::StatusCode code, const std::string& reason,
                              const std::string& message, int retry_ms = 0,
                              const std::string& domain = "strongroom") {
  google::rpc::Status status;
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain(domain);
  status.add_details()->PackFrom(info);
  if (retry_ms > 0) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(retry_ms / 1000);
    retry.mutable_retry_delay()->set_nanos(retry_ms % 1000 * 1'000'000);
    status.add_details()->PackFrom(retry);
  }
  return {code, message, status.SerializeAsString()};
}

// Script is the failures to give before the answers, and what was called.
class Script {
 public:
  void Fail(const grpc::Status& status, int times = 1) {
    MutexLock lock(mutex_);
    for (int i = 0; i < times; ++i) failures_.push_back(status);
  }
  grpc::Status Enter(const std::string& rpc) {
    MutexLock lock(mutex_);
    ++calls_[rpc];
    if (failures_.empty()) return grpc::Status::OK;
    grpc::Status status = failures_.front();
    failures_.pop_front();
    return status;
  }
  int Calls(const std::string& rpc) {
    MutexLock lock(mutex_);
    return calls_[rpc];
  }

 private:
  Mutex mutex_;
  std::deque<grpc::Status> failures_ SR_GUARDED_BY(mutex_);
  std::map<std::string, int> calls_ SR_GUARDED_BY(mutex_);
};

// FAKE_RPC overrides one RPC; `on_##name` makes its answer.
#define FAKE_RPC(name, Request, Response)                                   \
  std::function<void(const v1::Request&, v1::Response*)> on_##name;         \
  grpc::Status name(grpc::ServerContext*, const v1::Request* request,       \
                    v1::Response* response) override {                      \
    grpc::Status status = script.Enter(#name);                              \
    if (status.ok() && on_##name != nullptr) on_##name(*request, response); \
    return status;                                                          \
  }

class FakeData final : public v1::KeyService::Service {
 public:
  explicit FakeData(Script& s) : script(s) {}
  Script& script;
  FAKE_RPC(Encrypt, EncryptRequest, EncryptResponse)
  FAKE_RPC(Decrypt, DecryptRequest, DecryptResponse)
  FAKE_RPC(Wrap, WrapRequest, WrapResponse)
  FAKE_RPC(Unwrap, UnwrapRequest, UnwrapResponse)
  FAKE_RPC(GenerateDataKey, GenerateDataKeyRequest, GenerateDataKeyResponse)
  FAKE_RPC(Rewrap, RewrapRequest, RewrapResponse)
  FAKE_RPC(BatchEncrypt, BatchEncryptRequest, BatchEncryptResponse)
  FAKE_RPC(BatchDecrypt, BatchDecryptRequest, BatchDecryptResponse)
  FAKE_RPC(BatchWrap, BatchWrapRequest, BatchWrapResponse)
  FAKE_RPC(BatchUnwrap, BatchUnwrapRequest, BatchUnwrapResponse)
  FAKE_RPC(BatchGenerateDataKeys, BatchGenerateDataKeysRequest,
           BatchGenerateDataKeysResponse)
  FAKE_RPC(BatchRewrap, BatchRewrapRequest, BatchRewrapResponse)
};

class FakeAdmin final : public v1::KeyAdmin::Service {
 public:
  explicit FakeAdmin(Script& s) : script(s) {}
  Script& script;
  FAKE_RPC(CreateKey, CreateKeyRequest, Key)
  FAKE_RPC(GetKey, GetKeyRequest, Key)
  FAKE_RPC(ListKeys, ListKeysRequest, ListKeysResponse)
  FAKE_RPC(UpdateKey, UpdateKeyRequest, Key)
  FAKE_RPC(RotateKey, RotateKeyRequest, Key)
  FAKE_RPC(EnableVersion, EnableVersionRequest, KeyVersion)
  FAKE_RPC(DisableVersion, DisableVersionRequest, KeyVersion)
  FAKE_RPC(ScheduleDestroyVersion, ScheduleDestroyVersionRequest, KeyVersion)
  FAKE_RPC(CancelDestroyVersion, CancelDestroyVersionRequest, KeyVersion)
  FAKE_RPC(ListTokenObjects, ListTokenObjectsRequest, ListTokenObjectsResponse)
  FAKE_RPC(GetSigningKey, GetSigningKeyRequest, SigningKey)
  FAKE_RPC(GetStatus, GetStatusRequest, GetStatusResponse)
  FAKE_RPC(WhoAmI, WhoAmIRequest, WhoAmIResponse)
};

#undef FAKE_RPC

// FakeService serves both, on a port of its own choice or in the process.
class FakeService {
 public:
  explicit FakeService(std::shared_ptr<grpc::ServerCredentials> credentials =
                           grpc::InsecureServerCredentials()) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", std::move(credentials), &port_);
    builder.RegisterService(&data);
    builder.RegisterService(&admin);
    server_ = builder.BuildAndStart();
  }
  // Calls that still wait for an answer are broken off.
  ~FakeService() { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address(const std::string& host = "127.0.0.1") const {
    return host + ":" + std::to_string(port_);
  }
  std::shared_ptr<grpc::Channel> InProcess() {
    return server_->InProcessChannel({});
  }

  Script script;
  FakeData data{script};
  FakeAdmin admin{script};

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace strongroom::testing
