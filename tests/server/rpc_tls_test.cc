// Mutual TLS as the listener really does it: who gets in, as whom.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "rpc/rpc_server.h"
#include "strongroom/v1/key_admin.grpc.pb.h"
#include "tests/rpc/fake_key_service.h"
#include "tests/server/tls_fixture.h"

namespace strongroom::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class RpcTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    files_ = {
        .certificate = dir_.Write("server.crt", server_.certificate),
        .key = dir_.Write("server.key", KeyText(server_)),
        .client_ca = dir_.Write("ca.crt", pki_.authority().certificate),
        .crl_directory = "",
    };
  }

  void Start() {
    rpc::RpcOptions options;
    options.listen = "127.0.0.1:0";
    options.tls = files_;
    ASSERT_OK_AND_ASSIGN(
        rpc_, rpc::RpcServer::Start(options, service_, Clock::System()));
  }

  grpc::Status WhoAmI(const server::PemPair* client,
                      v1::WhoAmIResponse* response,
                      const std::string& ca = "") {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ca.empty() ? pki_.authority().certificate : ca;
    if (client != nullptr) {
      options.pem_cert_chain = client->certificate;
      options.pem_private_key = KeyText(*client);
    }
    auto channel =
        grpc::CreateChannel("127.0.0.1:" + std::to_string(rpc_->port()),
                            grpc::SslCredentials(options));
    auto stub = v1::KeyAdmin::NewStub(channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(10));
    return stub->WhoAmI(&context, {}, response);
  }

  TempDir dir_;
  TestPki pki_;
  server::PemPair server_ = pki_.Server();
  rpc::TlsFiles files_;
  FakeKeyService service_;
  std::unique_ptr<rpc::RpcServer> rpc_;
};

TEST_F(RpcTlsTest, ACommonNameIsTheCallerWhenTheCertificateHasNoOtherName) {
  Start();
  server::PemPair client = pki_.Client("payments-app");
  v1::WhoAmIResponse response;
  grpc::Status status = WhoAmI(&client, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.caller(), "cn:payments-app");
  EXPECT_THAT(response.peer(), HasSubstr("payments-app"));
  EXPECT_THAT(service_.calls().at(0).peer, StartsWith("127.0.0.1:"));
}

TEST_F(RpcTlsTest, AUriNameComesBeforeDnsNamesAndTheCommonName) {
  Start();
  server::PemPair client = pki_.Client(
      "payments-app", "URI:spiffe://bank/payments,DNS:app.bank.example");
  v1::WhoAmIResponse response;
  ASSERT_TRUE(WhoAmI(&client, &response).ok());
  EXPECT_EQ(response.caller(), "uri:spiffe://bank/payments");
}

TEST_F(RpcTlsTest, AUriThatIsNoSpiffeIdIsAName) {
  Start();
  server::PemPair client = pki_.Client("x", "URI:https://bank.example/app");
  v1::WhoAmIResponse response;
  ASSERT_TRUE(WhoAmI(&client, &response).ok());
  EXPECT_EQ(response.caller(), "uri:https://bank.example/app");
}

TEST_F(RpcTlsTest, ADnsNameComesBeforeTheCommonName) {
  Start();
  server::PemPair client = pki_.Client("payments-app", "DNS:app.bank.example");
  v1::WhoAmIResponse response;
  ASSERT_TRUE(WhoAmI(&client, &response).ok());
  EXPECT_EQ(response.caller(), "dns:app.bank.example");
}

TEST_F(RpcTlsTest, TwoUrisAreAmbiguousAndUnauthenticated) {
  Start();
  server::PemPair client =
      pki_.Client("x", "URI:spiffe://bank/a,URI:spiffe://bank/b");
  v1::WhoAmIResponse response;
  EXPECT_EQ(WhoAmI(&client, &response).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(RpcTlsTest, AClientWithoutACertificateDoesNotGetAConnection) {
  Start();
  v1::WhoAmIResponse response;
  EXPECT_EQ(WhoAmI(nullptr, &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(service_.calls().empty());
}

TEST_F(RpcTlsTest, AClientOfAnotherCaDoesNotGetAConnection) {
  Start();
  TestPki other("another CA");
  server::PemPair client = other.Client("payments-app");
  v1::WhoAmIResponse response;
  EXPECT_EQ(WhoAmI(&client, &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(service_.calls().empty());
}

TEST_F(RpcTlsTest, AnExpiredClientDoesNotGetAConnection) {
  Start();
  WallTime now = Clock::System().Now();
  server::PemPair client =
      pki_.Client("payments-app", "",
                  {now - std::chrono::hours(2), now - std::chrono::hours(1)});
  v1::WhoAmIResponse response;
  EXPECT_EQ(WhoAmI(&client, &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(service_.calls().empty());
}

TEST_F(RpcTlsTest, ACertificateForServersDoesNotIdentifyAClient) {
  Start();
  server::PemPair client = pki_.Server();
  v1::WhoAmIResponse response;
  EXPECT_EQ(WhoAmI(&client, &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(service_.calls().empty());
}

TEST_F(RpcTlsTest, AClientRefusesAServerOfAnotherCa) {
  Start();
  TestPki other("another CA");
  server::PemPair client = pki_.Client("payments-app");
  v1::WhoAmIResponse response;
  EXPECT_EQ(
      WhoAmI(&client, &response, other.authority().certificate).error_code(),
      grpc::StatusCode::UNAVAILABLE);
}

TEST_F(RpcTlsTest, ATakenPortIsSaidToBeInUse) {
  Start();
  rpc::RpcOptions options;
  options.listen = "127.0.0.1:" + std::to_string(rpc_->port());
  options.tls = files_;
  EXPECT_THAT(rpc::RpcServer::Start(options, service_, Clock::System()),
              HasReason(Reason::kAddressInUse, HasSubstr(options.listen)));
}

TEST_F(RpcTlsTest, AnAddressOfAnotherMachineIsRefused) {
  rpc::RpcOptions options;
  options.listen = "192.0.2.1:0";
  options.tls = files_;
  EXPECT_THAT(rpc::RpcServer::Start(options, service_, Clock::System()),
              HasReason(Reason::kConfigInvalid, HasSubstr("192.0.2.1:0")));
}

}  // namespace
}  // namespace strongroom::testing
