// Mutual TLS over a real socket: what goes wrong, and what is said of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/client/client_fixture.h"
#include "tests/server/tls_fixture.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::client {
namespace {

using ::testing::AllOf;
using testing::FakeService;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::KeyText;
using ::testing::Not;
using testing::TestPki;
using testing::ValidNow;

std::shared_ptr<grpc::ServerCredentials> ServerCredentials(
    const server::PemPair& pair, const TestPki& clients) {
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = clients.authority().certificate;
  options.pem_key_cert_pairs.push_back({KeyText(pair), pair.certificate});
  return grpc::SslServerCredentials(options);
}

class ConnectTest : public ::testing::Test {
 protected:
  ConnectTest() {
    clock_.SetNow(Clock::System().Now());
    options_.ca_file = dir_.Write("ca.pem", pki_.authority().certificate, 0644);
    UseClient(pki_.Client("tester"));
  }

  void UseClient(const server::PemPair& pair) {
    options_.cert_file = dir_.Write("cert.pem", pair.certificate, 0644);
    options_.key_file = dir_.Write("key.pem", KeyText(pair), 0600);
  }
  void Serve(const server::PemPair& pair) { Serve(pair, pki_); }
  void Serve(const server::PemPair& pair, const TestPki& clients) {
    service_ = std::make_unique<FakeService>(ServerCredentials(pair, clients));
    options_.address = service_->address();
  }
  StatusOr<std::unique_ptr<Client>> Connect() {
    return ConnectWith(options_, {clock_,
                                  [this](std::chrono::milliseconds delay) {
                                    ++sleeps_;
                                    clock_.Advance(delay);
                                  },
                                  [] { return 0.5; }});
  }
  Status Call() {
    SR_ASSIGN_OR_RETURN(auto client, Connect());
    return client->WhoAmI().status();
  }

  testing::TempDir dir_;
  testing::FakeClock clock_;
  TestPki pki_;
  Options options_;
  std::unique_ptr<FakeService> service_;
  int sleeps_ = 0;
};

TEST_F(ConnectTest, WithTheRightCertificatesCallsSucceed) {
  Serve(pki_.Server());
  EXPECT_OK(Call());
  options_.address = service_->address("localhost");
  EXPECT_OK(Call());
}

TEST_F(ConnectTest, NobodyThereIsSaidSoAndTriedAgain) {
  Serve(pki_.Server());
  service_.reset();
  EXPECT_THAT(Call(), HasReason(Reason::kServerUnreachable,
                                AllOf(HasSubstr(options_.address),
                                      HasSubstr("connection was refused"),
                                      HasSubstr("STRONGROOM_ADDR"))));
  EXPECT_EQ(sleeps_, 3);
}

TEST_F(ConnectTest, AServerOfAnotherCaIsNotTrusted) {
  TestPki other("another CA");
  Serve(other.Server());
  EXPECT_THAT(Call(), HasReason(Reason::kServerUnreachable,
                                AllOf(HasSubstr("not accepted"),
                                      HasSubstr(options_.ca_file),
                                      HasSubstr("STRONGROOM_CA"))));
  EXPECT_EQ(sleeps_, 0);
}

TEST_F(ConnectTest, AnExpiredServerIsNotTrusted) {
  server::Validity past = ValidNow();
  past.not_before -= std::chrono::hours(48);
  past.not_after = Clock::System().Now() - std::chrono::hours(1);
  Serve(pki_.Server(past));
  EXPECT_THAT(Call(),
              HasReason(Reason::kServerUnreachable, HasSubstr("expired")));
}

TEST_F(ConnectTest, AServerForAnotherNameIsNotTrusted) {
  Serve(pki_.Server());
  options_.server_name = "kms.example.com";
  EXPECT_THAT(Call(), HasReason(Reason::kServerUnreachable,
                                AllOf(HasSubstr("kms.example.com"),
                                      HasSubstr("STRONGROOM_SERVER_NAME"))));
  EXPECT_EQ(sleeps_, 0);
}

TEST_F(ConnectTest, TheExpectedNameMayBeGiven) {
  Serve(pki_.Server());
  options_.server_name = "localhost";
  EXPECT_OK(Call());
}

TEST_F(ConnectTest, AClientOfAnotherCaIsRefusedByTheServer) {
  TestPki other("another CA");
  Serve(pki_.Server(), other);
  EXPECT_THAT(Call(), HasReason(Reason::kServerUnreachable,
                                AllOf(HasSubstr(options_.cert_file),
                                      HasSubstr("STRONGROOM_CERT"))));
}

TEST_F(ConnectTest, AServerThatDoesNotSpeakTlsIsSaidSo) {
  service_ = std::make_unique<FakeService>();
  options_.address = service_->address();
  EXPECT_THAT(Call(), HasReason(Reason::kServerUnreachable));
}

TEST_F(ConnectTest, AServiceThatDoesNotKnowTheCallIsOlder) {
  Serve(pki_.Server());
  service_->script.Fail({grpc::StatusCode::UNIMPLEMENTED, "unknown method"});
  EXPECT_THAT(Call(), HasReason(Reason::kUnimplemented, HasSubstr("older")));
}

TEST_F(ConnectTest, OurExpiredCertificateIsFoundBeforeConnecting) {
  server::Validity past = ValidNow();
  past.not_before -= std::chrono::hours(48);
  past.not_after = Clock::System().Now() - std::chrono::hours(1);
  UseClient(pki_.Client("tester", "", past));
  options_.address = "127.0.0.1:1";
  EXPECT_THAT(Connect(), HasReason(Reason::kCertificateInvalid,
                                   AllOf(HasSubstr(options_.cert_file),
                                         HasSubstr("expired at"))));
}

TEST_F(ConnectTest, ACertificateOfTheFutureIsFoundBeforeConnecting) {
  server::Validity future = ValidNow();
  future.not_before += std::chrono::hours(2);
  UseClient(pki_.Client("tester", "", future));
  options_.address = "127.0.0.1:1";
  EXPECT_THAT(Connect(), HasReason(Reason::kCertificateInvalid,
                                   HasSubstr("not valid before")));
}

TEST_F(ConnectTest, AKeyOfAnotherCertificateIsRefused) {
  options_.address = "127.0.0.1:1";
  options_.key_file =
      dir_.Write("key.pem", KeyText(pki_.Client("somebody else")), 0600);
  EXPECT_THAT(Connect(), HasReason(Reason::kCertificateInvalid,
                                   HasSubstr("not the key of")));
}

TEST_F(ConnectTest, FilesThatAreNotPemAreRefused) {
  options_.address = "127.0.0.1:1";
  Options good = options_;
  std::string junk = dir_.Write("junk", "not PEM", 0600);
  for (std::string Options::*field :
       {&Options::ca_file, &Options::cert_file, &Options::key_file}) {
    options_ = good;
    options_.*field = junk;
    EXPECT_THAT(Connect(),
                HasReason(Reason::kCertificateInvalid, HasSubstr(junk)));
  }
}

TEST_F(ConnectTest, FilesThatAreAbsentAreNamed) {
  options_.address = "127.0.0.1:1";
  Options good = options_;
  for (std::string Options::*field :
       {&Options::ca_file, &Options::cert_file, &Options::key_file}) {
    options_ = good;
    options_.*field = dir_.File("absent");
    EXPECT_THAT(Connect(),
                HasReason(Reason::kFileUnreadable, HasSubstr("absent")));
  }
}

TEST_F(ConnectTest, AKeyThatOthersCanReadIsRefused) {
  options_.address = "127.0.0.1:1";
  ASSERT_EQ(chmod(options_.key_file.c_str(), 0644), 0);
  EXPECT_THAT(Connect(),
              HasReason(Reason::kFileNotPrivate, HasSubstr("chmod 600")));
}

TEST_F(ConnectTest, AddressesThatAreNoHostAndPortAreRefused) {
  for (const char* address :
       {"", "localhost", ":7443", "localhost:", "localhost:0",
        "localhost:65536", "localhost:http", "unix:/tmp/s:1", "a:b:1",
        "https://h:1", "user@h:1", "[::1:1"}) {
    options_.address = address;
    EXPECT_THAT(Connect(),
                HasReason(Reason::kArgumentInvalid, HasSubstr("host:port")))
        << address;
  }
}

TEST_F(ConnectTest, Ipv6AddressesAreTaken) {
  options_.address = "[::1]:7443";
  EXPECT_OK(Connect());
}

class EnvironmentTest : public ::testing::Test {
 protected:
  static constexpr const char* kNames[] = {"STRONGROOM_ADDR", "STRONGROOM_CA",
                                           "STRONGROOM_CERT", "STRONGROOM_KEY",
                                           "STRONGROOM_SERVER_NAME"};
  EnvironmentTest() { Clear(); }
  ~EnvironmentTest() override { Clear(); }
  static void Clear() {
    for (const char* name : kNames) unsetenv(name);
  }
};

TEST_F(EnvironmentTest, TheVariablesFillTheOptions) {
  for (const char* name : kNames) setenv(name, name, 1);
  ASSERT_OK_AND_ASSIGN(Options options, OptionsFromEnvironment());
  EXPECT_EQ(options.address, "STRONGROOM_ADDR");
  EXPECT_EQ(options.ca_file, "STRONGROOM_CA");
  EXPECT_EQ(options.cert_file, "STRONGROOM_CERT");
  EXPECT_EQ(options.key_file, "STRONGROOM_KEY");
  EXPECT_EQ(options.server_name, "STRONGROOM_SERVER_NAME");
}

TEST_F(EnvironmentTest, TheServerNameIsOptionalTheRestIsNot) {
  for (int missing = 0; missing < 4; ++missing) {
    Clear();
    for (int i = 0; i < 4; ++i) setenv(kNames[i], i == missing ? "" : "x", 1);
    EXPECT_THAT(OptionsFromEnvironment(),
                HasReason(Reason::kArgumentInvalid,
                          AllOf(HasSubstr(kNames[missing]),
                                Not(HasSubstr(kNames[(missing + 1) % 4])),
                                HasSubstr("strongroomd dev"))));
  }
}

}  // namespace
}  // namespace strongroom::client
