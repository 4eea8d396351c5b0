// FakeClient: client::Client with answers a test can read and foretell.
//
// A token is "T<version>:" and the secret, so that what went in comes out.
#pragma once

#include <string>
#include <vector>

#include "strongroom/client/client.h"

namespace strongroom::testing {

// FakeBehaviour is what a test sets and reads; it outlives the clients.
struct FakeBehaviour {
  Status failure;  // what every call answers, if not OK
  uint32_t version = 1;
  std::vector<std::string> calls;  // "Wrap pay/cards a=1"
  client::Key key;
  client::KeyVersion key_version;
  client::KeySettings settings;  // of the last create or update
  std::vector<client::TokenObject> objects;
  client::PublicKey public_key;
  std::string report;
  client::ServiceStatus status;
  client::Identity identity;
  std::string dek = "0123456789abcdef0123456789abcdef";
  std::string dek_id = "11111111-2222-4333-8444-555555555555:7";
  std::vector<client::Dek> deks;
  client::Job job;
  client::StartRewrap start_rewrap;
  std::vector<client::CensusVersion> census;
  bool acknowledged = false;
  std::vector<client::Report> reports;
  std::optional<client::Registering> registering;  // of the last wrap
};

class FakeClient : public client::Client {
 public:
  explicit FakeClient(FakeBehaviour& behaviour) : fake_(behaviour) {}

  StatusOr<client::Sealed> Encrypt(std::string_view key, ByteView plaintext,
                                   const client::Context& context) override {
    SR_RETURN_IF_ERROR(Enter("Encrypt", key, context));
    return client::Sealed{Token(plaintext), fake_.version};
  }
  StatusOr<client::Opened> Decrypt(ByteView token,
                                   const client::Context& context,
                                   std::string_view expected) override {
    SR_RETURN_IF_ERROR(Enter("Decrypt", expected, context));
    return Open(token);
  }
  StatusOr<client::Sealed> Wrap(
      std::string_view key, const SecretBytes& dek,
      const client::Context& context,
      const std::optional<client::Registering>& registering) override {
    fake_.registering = registering;
    SR_RETURN_IF_ERROR(Enter("Wrap", key, context));
    return client::Sealed{Token(dek.Expose()), fake_.version,
                          registering ? fake_.dek_id : ""};
  }
  StatusOr<client::Opened> UnwrapById(std::string_view id,
                                      const client::Context& context,
                                      std::string_view expected) override {
    SR_RETURN_IF_ERROR(
        Enter("UnwrapById " + std::string(id), expected, context));
    return Open(Token(AsBytes(fake_.dek)));
  }
  StatusOr<client::Opened> Unwrap(ByteView token,
                                  const client::Context& context,
                                  std::string_view expected) override {
    SR_RETURN_IF_ERROR(Enter("Unwrap", expected, context));
    return Open(token);
  }
  StatusOr<client::DataKey> GenerateDataKey(
      std::string_view key, uint32_t dek_bytes, bool with_plaintext,
      const client::Context& context,
      const std::optional<client::Registering>& registering) override {
    fake_.registering = registering;
    SR_RETURN_IF_ERROR(
        Enter("GenerateDataKey " + std::to_string(dek_bytes), key, context));
    ByteView dek = AsBytes(fake_.dek);
    return client::DataKey{
        with_plaintext ? SecretBytes::CopyOf(dek) : SecretBytes(), Token(dek),
        fake_.version, registering ? fake_.dek_id : ""};
  }
  StatusOr<client::Rewrapped> Rewrap(ByteView token,
                                     std::string_view expected) override {
    SR_RETURN_IF_ERROR(Enter("Rewrap", expected, {}));
    return client::Rewrapped{Token(token.subspan(3)), "a/key", fake_.version,
                             static_cast<uint32_t>(token[1] - '0')};
  }

  // The CLI makes no batches.
  StatusOr<std::vector<StatusOr<client::Sealed>>> BatchWrap(
      std::string_view, const std::vector<SecretBytes>&, const client::Context&,
      const std::optional<client::Registering>&) override {
    return Unexpected();
  }
  StatusOr<std::vector<StatusOr<client::DataKey>>> BatchGenerateDataKeys(
      std::string_view, uint32_t, uint32_t, bool, const client::Context&,
      const std::optional<client::Registering>&) override {
    return Unexpected();
  }
  StatusOr<std::vector<StatusOr<client::Opened>>> BatchUnwrap(
      const std::vector<Bytes>&, const client::Context&) override {
    return Unexpected();
  }
  StatusOr<std::vector<StatusOr<client::Opened>>> BatchUnwrapById(
      const std::vector<std::string>&, const client::Context&) override {
    return Unexpected();
  }
  StatusOr<std::vector<StatusOr<client::Sealed>>> BatchEncrypt(
      std::string_view, const std::vector<SecretBytes>&,
      const client::Context&) override {
    return Unexpected();
  }
  StatusOr<std::vector<StatusOr<client::Opened>>> BatchDecrypt(
      const std::vector<Bytes>&, const client::Context&) override {
    return Unexpected();
  }
  StatusOr<std::vector<StatusOr<client::Rewrapped>>> BatchRewrap(
      const std::vector<Bytes>&) override {
    return Unexpected();
  }

  StatusOr<client::Key> CreateKey(std::string_view name,
                                  const client::KeySettings& s) override {
    fake_.settings = s;
    return Answer("CreateKey", name, fake_.key);
  }
  StatusOr<client::Key> GetKey(std::string_view name) override {
    return Answer("GetKey", name, fake_.key);
  }
  StatusOr<std::vector<client::Key>> ListKeys(std::string_view p) override {
    return Answer("ListKeys", p, std::vector<client::Key>{fake_.key});
  }
  StatusOr<client::Key> UpdateKey(std::string_view name,
                                  const client::KeySettings& s) override {
    fake_.settings = s;
    return Answer("UpdateKey", name, fake_.key);
  }
  StatusOr<client::Key> RotateKey(std::string_view name) override {
    return Answer("RotateKey", name, fake_.key);
  }
  StatusOr<client::KeyVersion> EnableVersion(std::string_view name,
                                             uint32_t v) override {
    return AnswerVersion("EnableVersion", name, v);
  }
  StatusOr<client::KeyVersion> DisableVersion(std::string_view name,
                                              uint32_t v) override {
    return AnswerVersion("DisableVersion", name, v);
  }
  StatusOr<client::KeyVersion> ScheduleDestroyVersion(
      std::string_view name, uint32_t v, bool acknowledge) override {
    fake_.acknowledged = acknowledge;
    return AnswerVersion("ScheduleDestroyVersion", name, v);
  }
  StatusOr<client::KeyVersion> CancelDestroyVersion(std::string_view name,
                                                    uint32_t v) override {
    return AnswerVersion("CancelDestroyVersion", name, v);
  }
  Status ListDeks(
      std::string_view key, uint32_t version, const client::Labels& labels,
      const std::function<Status(const client::Dek&)>& each) override {
    SR_RETURN_IF_ERROR(Enter("ListDeks",
                             std::string(key) + " " + std::to_string(version),
                             {labels.begin(), labels.end()}));
    for (const client::Dek& dek : fake_.deks) SR_RETURN_IF_ERROR(each(dek));
    return OkStatus();
  }
  StatusOr<client::Dek> GetDek(std::string_view key,
                               std::string_view id) override {
    SR_RETURN_IF_ERROR(Enter("GetDek " + std::string(id), key, {}));
    return fake_.deks.at(0);
  }
  Status DeleteDek(std::string_view key, std::string_view id) override {
    return Enter("DeleteDek " + std::string(id), key, {});
  }
  Status ShredDek(std::string_view key, std::string_view id) override {
    return Enter("ShredDek " + std::string(id), key, {});
  }
  StatusOr<client::Job> StartRewrapJob(
      std::string_view key, const client::StartRewrap& start) override {
    fake_.start_rewrap = start;
    return Answer("StartRewrap", key, fake_.job);
  }
  StatusOr<std::string> GetJobReport(std::string_view key,
                                     std::string_view id) override {
    return Answer("GetJobReport " + std::string(id), key, fake_.report);
  }
  StatusOr<client::Job> GetJob(std::string_view key,
                               std::string_view id) override {
    return Answer("GetJob " + std::string(id), key, fake_.job);
  }
  StatusOr<std::vector<client::Job>> ListJobs(std::string_view key) override {
    return Answer("ListJobs", key, std::vector<client::Job>{fake_.job});
  }
  StatusOr<client::Job> PauseJob(std::string_view key,
                                 std::string_view id) override {
    return Answer("PauseJob " + std::string(id), key, fake_.job);
  }
  StatusOr<client::Job> ResumeJob(std::string_view key,
                                  std::string_view id) override {
    return Answer("ResumeJob " + std::string(id), key, fake_.job);
  }
  StatusOr<client::Job> CancelJob(std::string_view key,
                                  std::string_view id) override {
    return Answer("CancelJob " + std::string(id), key, fake_.job);
  }
  StatusOr<std::vector<client::CensusVersion>> GetCensus(
      std::string_view key) override {
    return Answer("GetCensus", key, fake_.census);
  }
  StatusOr<std::vector<client::KeyVersion>> GetKeyUsage(
      std::string_view key) override {
    return Answer("GetKeyUsage", key, fake_.key.versions);
  }
  Status ReportDependence(const client::Report& report) override {
    fake_.reports.push_back(report);
    return Enter("ReportDependence", report.key_id, {});
  }
  StatusOr<std::vector<client::TokenObject>> ListTokenObjects() override {
    return Answer("ListTokenObjects", "", fake_.objects);
  }
  StatusOr<client::PublicKey> GetSigningKey() override {
    return Answer("GetSigningKey", "", fake_.public_key);
  }
  StatusOr<client::ServiceStatus> GetStatus() override {
    return Answer("GetStatus", "", fake_.status);
  }
  StatusOr<client::Identity> WhoAmI() override {
    return Answer("WhoAmI", "", fake_.identity);
  }

 private:
  static Status Unexpected() {
    return Error(Reason::kInternal, "a call that the CLI does not make");
  }
  Status Enter(const std::string& rpc, std::string_view name,
               const client::Context& context) {
    std::string call = rpc + " " + std::string(name);
    for (const auto& [key, value] : context) call += " " + key + "=" + value;
    fake_.calls.push_back(call);
    return fake_.failure;
  }
  template <typename T>
  StatusOr<T> Answer(const std::string& rpc, std::string_view name,
                     const T& value) {
    SR_RETURN_IF_ERROR(Enter(rpc, name, {}));
    return value;
  }
  StatusOr<client::KeyVersion> AnswerVersion(const std::string& rpc,
                                             std::string_view name,
                                             uint32_t version) {
    return Answer(rpc, std::string(name) + " " + std::to_string(version),
                  fake_.key_version);
  }
  Bytes Token(ByteView secret) const {
    Bytes token = ToBytes(AsBytes("T" + std::to_string(fake_.version) + ":"));
    Append(&token, secret);
    return token;
  }
  StatusOr<client::Opened> Open(ByteView token) const {
    return client::Opened{SecretBytes::CopyOf(token.subspan(3)), "a/key",
                          static_cast<uint32_t>(token[1] - '0')};
  }

  FakeBehaviour& fake_;
};

}  // namespace strongroom::testing
