// GrpcClient: Client over a gRPC channel.
#pragma once

#include <memory>

#include "client/errors.h"
#include "client/retry.h"
#include "grpcpp/grpcpp.h"
#include "strongroom/client/client.h"
#include "strongroom/v1/key_admin.grpc.pb.h"
#include "strongroom/v1/key_service.grpc.pb.h"

namespace strongroom::client {

class GrpcClient final : public Client {
 public:
  GrpcClient(std::shared_ptr<grpc::Channel> channel, const Options& options,
             Waiting waiting);

  StatusOr<Sealed> Encrypt(std::string_view key, ByteView plaintext,
                           const Context& context) override;
  StatusOr<Opened> Decrypt(ByteView ciphertext, const Context& context,
                           std::string_view expected_key) override;
  StatusOr<Sealed> Wrap(std::string_view key, const SecretBytes& dek,
                        const Context& context,
                        const std::optional<Registering>& registering) override;
  StatusOr<Opened> Unwrap(ByteView wrapped_dek, const Context& context,
                          std::string_view expected_key) override;
  StatusOr<Opened> UnwrapById(std::string_view dek_id, const Context& context,
                              std::string_view expected_key) override;
  StatusOr<DataKey> GenerateDataKey(
      std::string_view key, uint32_t dek_bytes, bool with_plaintext,
      const Context& context,
      const std::optional<Registering>& registering) override;
  StatusOr<Rewrapped> Rewrap(ByteView token_or_header,
                             std::string_view expected_key) override;

  StatusOr<std::vector<StatusOr<Sealed>>> BatchWrap(
      std::string_view key, const std::vector<SecretBytes>& deks,
      const Context& context,
      const std::optional<Registering>& registering) override;
  StatusOr<std::vector<StatusOr<DataKey>>> BatchGenerateDataKeys(
      std::string_view key, uint32_t count, uint32_t dek_bytes,
      bool with_plaintext, const Context& context,
      const std::optional<Registering>& registering) override;
  StatusOr<std::vector<StatusOr<Opened>>> BatchUnwrap(
      const std::vector<Bytes>& wrapped_deks, const Context& context) override;
  StatusOr<std::vector<StatusOr<Opened>>> BatchUnwrapById(
      const std::vector<std::string>& dek_ids, const Context& context) override;
  StatusOr<std::vector<StatusOr<Sealed>>> BatchEncrypt(
      std::string_view key, const std::vector<SecretBytes>& plaintexts,
      const Context& context) override;
  StatusOr<std::vector<StatusOr<Opened>>> BatchDecrypt(
      const std::vector<Bytes>& ciphertexts, const Context& context) override;
  StatusOr<std::vector<StatusOr<Rewrapped>>> BatchRewrap(
      const std::vector<Bytes>& tokens_or_headers) override;

  StatusOr<Key> CreateKey(std::string_view name,
                          const KeySettings& settings) override;
  StatusOr<Key> GetKey(std::string_view name) override;
  StatusOr<std::vector<Key>> ListKeys(std::string_view prefix) override;
  StatusOr<Key> UpdateKey(std::string_view name,
                          const KeySettings& change) override;
  StatusOr<Key> RotateKey(std::string_view name) override;
  StatusOr<KeyVersion> EnableVersion(std::string_view name,
                                     uint32_t version) override;
  StatusOr<KeyVersion> DisableVersion(std::string_view name,
                                      uint32_t version) override;
  StatusOr<KeyVersion> ScheduleDestroyVersion(
      std::string_view name, uint32_t version,
      bool acknowledge_unregistered) override;
  StatusOr<KeyVersion> CancelDestroyVersion(std::string_view name,
                                            uint32_t version) override;

  Status ListDeks(std::string_view key, uint32_t version, const Labels& labels,
                  const std::function<Status(const Dek&)>& each) override;
  StatusOr<Dek> GetDek(std::string_view key, std::string_view dek_id) override;
  Status DeleteDek(std::string_view key, std::string_view dek_id) override;
  Status ShredDek(std::string_view key, std::string_view dek_id) override;

  StatusOr<Job> StartRewrapJob(std::string_view key,
                               const StartRewrap& start) override;
  StatusOr<Job> GetJob(std::string_view key, std::string_view job_id) override;
  StatusOr<std::string> GetJobReport(std::string_view key,
                                     std::string_view job_id) override;
  StatusOr<std::vector<Job>> ListJobs(std::string_view key) override;
  StatusOr<Job> PauseJob(std::string_view key,
                         std::string_view job_id) override;
  StatusOr<Job> ResumeJob(std::string_view key,
                          std::string_view job_id) override;
  StatusOr<Job> CancelJob(std::string_view key,
                          std::string_view job_id) override;
  StatusOr<std::vector<CensusVersion>> GetCensus(std::string_view key) override;
  StatusOr<std::vector<KeyVersion>> GetKeyUsage(std::string_view key) override;
  Status ReportDependence(const Report& report) override;

  StatusOr<std::vector<TokenObject>> ListTokenObjects() override;
  StatusOr<PublicKey> GetSigningKey() override;
  StatusOr<ServiceStatus> GetStatus() override;
  StatusOr<Identity> WhoAmI() override;

 private:
  // Call makes one RPC, as often as its method's option and Persist allow.
  template <typename Stub, typename Request, typename Response>
  Status Call(Stub& stub,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                           Response*),
              const Request& request, Response* response) {
    return Call(stub, method, RepeatOf(*Request::descriptor()), request,
                response);
  }
  template <typename Stub, typename Request, typename Response>
  Status Call(Stub& stub,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                           Response*),
              Repeat repeat, const Request& request, Response* response) {
    return Persist(
        waiting_, timeout_, max_attempts_, repeat,
        [&](std::chrono::milliseconds left) -> std::optional<Failure> {
          grpc::ClientContext context;
          context.set_wait_for_ready(false);
          context.set_deadline(std::chrono::system_clock::now() + left);
          grpc::Status status = (stub.*method)(&context, request, response);
          if (status.ok()) return std::nullopt;
          return Interpret(status, peer_);
        });
  }

  // Unwrap sends a request that names the DEK already.
  StatusOr<Opened> Unwrap(v1::UnwrapRequest request, const Context& context,
                          std::string_view expected_key);

  // VersionCall makes one of the four calls about a version of a key.
  template <typename Request>
  StatusOr<KeyVersion> VersionCall(
      grpc::Status (v1::KeyAdmin::StubInterface::*method)(grpc::ClientContext*,
                                                          const Request&,
                                                          v1::KeyVersion*),
      std::string_view name, uint32_t version);

  template <typename Request>
  StatusOr<Job> JobCall(grpc::Status (v1::KeyAdmin::StubInterface::*method)(
                            grpc::ClientContext*, const Request&, v1::Job*),
                        std::string_view key, std::string_view job_id);

  const Peer peer_;
  const std::chrono::milliseconds timeout_;
  const int max_attempts_;
  const Waiting waiting_;
  const std::unique_ptr<v1::KeyService::StubInterface> data_;
  const std::unique_ptr<v1::KeyAdmin::StubInterface> admin_;
};

// ConnectWith is Client::Connect with a way of waiting of the caller's choice.
StatusOr<std::unique_ptr<Client>> ConnectWith(const Options& options,
                                              Waiting waiting);

}  // namespace strongroom::client
