// Mutual TLS as the listener really does it: who gets in, as whom.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>

#include "rpc/rpc_server.h"
#include "server/openssl.h"
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

// WriteCrl puts the CA's list with `revoked` on it under its hashed name.
void WriteCrl(const server::PemPair& authority, const server::PemPair& revoked,
              const TempDir& dir) {
  using server::ReadBio;
  server::X509Ptr issuer(PEM_read_bio_X509(ReadBio(authority.certificate).get(),
                                           nullptr, nullptr, nullptr));
  server::PkeyPtr key(PEM_read_bio_PrivateKey(ReadBio(KeyText(authority)).get(),
                                              nullptr, nullptr, nullptr));
  server::X509Ptr leaf(PEM_read_bio_X509(ReadBio(revoked.certificate).get(),
                                         nullptr, nullptr, nullptr));
  X509_CRL* crl = X509_CRL_new();
  X509_CRL_set_version(crl, X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer.get()));
  ASN1_TIME* time = ASN1_TIME_new();
  X509_gmtime_adj(time, -60);
  X509_CRL_set1_lastUpdate(crl, time);
  X509_REVOKED* entry = X509_REVOKED_new();
  X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(leaf.get()));
  X509_REVOKED_set_revocationDate(entry, time);
  X509_CRL_add0_revoked(crl, entry);
  X509_gmtime_adj(time, 3600);
  X509_CRL_set1_nextUpdate(crl, time);
  ASN1_TIME_free(time);
  ASSERT_GT(X509_CRL_sign(crl, key.get(), EVP_sha256()), 0);
  server::BioPtr out(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_X509_CRL(out.get(), crl), 1);
  X509_CRL_free(crl);
  char* text = nullptr;
  long size = BIO_get_mem_data(out.get(), &text);
  char name[32];
  std::snprintf(name, sizeof name, "crls/%08lx.r0",
                X509_subject_name_hash(issuer.get()));
  mkdir(dir.File("crls").c_str(), 0700);
  dir.Write(name, {text, static_cast<size_t>(size)});
}

TEST_F(RpcTlsTest, ARevokedClientDoesNotGetAConnectionAndItsNeighbourDoes) {
  server::PemPair revoked = pki_.Client("fired");
  server::PemPair good = pki_.Client("payments-app");
  WriteCrl(pki_.authority(), revoked, dir_);
  files_.crl_directory = dir_.File("crls");
  Start();
  v1::WhoAmIResponse response;
  EXPECT_EQ(WhoAmI(&revoked, &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(service_.calls().empty());
  grpc::Status status = WhoAmI(&good, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(RpcTlsTest, HealthSaysServingOnlyAfterItWasSet) {
  Start();
  server::PemPair client = pki_.Client("probe");
  auto check = [&] {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = pki_.authority().certificate;
    options.pem_cert_chain = client.certificate;
    options.pem_private_key = KeyText(client);
    auto channel =
        grpc::CreateChannel("127.0.0.1:" + std::to_string(rpc_->port()),
                            grpc::SslCredentials(options));
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    grpc::Slice empty;
    grpc::ByteBuffer request(&empty, 1);
    auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                      request, &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    EXPECT_TRUE(status.ok()) << status.error_message();
    grpc::Slice slice;
    EXPECT_TRUE(response.DumpToSingleSlice(&slice).ok());
    // HealthCheckResponse: field 1, varint: 1 SERVING, 2 NOT_SERVING.
    return slice.size() == 2 ? int{slice.begin()[1]} : -1;
  };
  EXPECT_EQ(check(), 2);
  rpc_->SetServing(true);
  EXPECT_EQ(check(), 1);
  rpc_->SetServing(false);
  EXPECT_EQ(check(), 2);
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
