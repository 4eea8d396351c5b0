// The whole server in this process, on a real SoftHSM token.
#include "server/server.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "grpcpp/security/credentials.h"
#include "server/dev_certificates.h"
#include "server/dev_setup.h"
#include "server/mode_marks.h"
#include "strongroom/base/files.h"
#include "strongroom/store/sqlite.h"
#include "strongroom/store/store.h"
#include "strongroom/v1/key_admin.grpc.pb.h"
#include "strongroom/v1/key_service.grpc.pb.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::testing {
namespace {

using server::DevOptions;
using server::DevSetup;
using server::Server;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

unsigned ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

class ServerTest : public ::testing::Test {
 protected:
  DevOptions Options() const {
    return {.directory = dir_.File("dev"),
            .listen = "127.0.0.1:0",
            .metrics_listen = "127.0.0.1:0"};
  }

  std::unique_ptr<Server> StartDev() {
    auto setup = server::PrepareDev(Options(), Clock::System());
    EXPECT_OK(setup);
    setup_ = *setup;
    auto made = Server::Create(setup_.config);
    EXPECT_OK(made);
    if (!made.ok()) return nullptr;
    EXPECT_OK((*made)->Start());
    return *std::move(made);
  }

  std::shared_ptr<grpc::Channel> Connect(const Server& server) const {
    std::string tls = setup_.directory + "/tls/";
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = *ReadFile(tls + "ca.crt");
    options.pem_cert_chain = *ReadFile(tls + "client.crt");
    options.pem_private_key = *ReadFile(tls + "client.key");
    return grpc::CreateChannel(server.grpc_address(),
                               grpc::SslCredentials(options));
  }

  static grpc::Status CreateKey(const std::shared_ptr<grpc::Channel>& channel,
                                const std::string& name) {
    grpc::ClientContext context;
    v1::CreateKeyRequest request;
    request.set_name(name);
    v1::Key key;
    return v1::KeyAdmin::NewStub(channel)->CreateKey(&context, request, &key);
  }

  TempDir dir_;
  DevSetup setup_;
};

TEST_F(ServerTest, DevServesAKeyFromNothingAndKeepsItOverARestart) {
  std::unique_ptr<Server> server = StartDev();
  ASSERT_NE(server, nullptr);
  EXPECT_THAT(setup_.made, SizeIs(4));
  auto channel = Connect(*server);
  ASSERT_TRUE(CreateKey(channel, "demo/app").ok());
  v1::WrapRequest wrap;
  wrap.set_name("demo/app");
  wrap.set_dek(std::string(32, 'k'));
  v1::WrapResponse wrapped;
  {
    grpc::ClientContext context;
    grpc::Status status =
        v1::KeyService::NewStub(channel)->Wrap(&context, wrap, &wrapped);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  EXPECT_TRUE(server->Stop());
  server.reset();

  server = StartDev();
  ASSERT_NE(server, nullptr);
  EXPECT_THAT(setup_.made, IsEmpty());
  grpc::ClientContext context;
  v1::UnwrapRequest unwrap;
  unwrap.set_wrapped_dek(wrapped.wrapped_dek());
  v1::UnwrapResponse opened;
  grpc::Status status = v1::KeyService::NewStub(Connect(*server))
                            ->Unwrap(&context, unwrap, &opened);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(opened.dek(), wrap.dek());
  EXPECT_TRUE(server->Stop());
}

TEST_F(ServerTest, WhatDevMakesIsThisUsersAlone) {
  ASSERT_OK(server::PrepareDev(Options(), Clock::System()));
  std::string dir = dir_.File("dev");
  EXPECT_EQ(ModeOf(dir), 0700u);
  EXPECT_EQ(ModeOf(dir + "/pin"), 0600u);
  EXPECT_EQ(ModeOf(dir + "/tls/ca.key"), 0600u);
  EXPECT_EQ(ModeOf(dir + "/tls/server.key"), 0600u);
  EXPECT_EQ(ModeOf(dir + "/tls/client.key"), 0600u);
  EXPECT_EQ(ModeOf(dir + "/tokens"), 0700u);
}

TEST_F(ServerTest, DevRefusesAddressesThatAreNotLoopback) {
  for (const char* address : {"0.0.0.0:7443", "10.1.2.3:7443", "[::]:7443"}) {
    DevOptions options = Options();
    options.listen = address;
    EXPECT_THAT(server::PrepareDev(options, Clock::System()),
                HasReason(Reason::kDevelopmentOnly, HasSubstr(address)));
    options = Options();
    options.metrics_listen = address;
    EXPECT_THAT(server::PrepareDev(options, Clock::System()),
                HasReason(Reason::kDevelopmentOnly, HasSubstr(address)));
  }
  EXPECT_FALSE(std::filesystem::exists(dir_.File("dev")));
}

TEST_F(ServerTest, DevRefusesADirectoryOthersCanEnter) {
  mkdir(dir_.File("dev").c_str(), 0700);
  chmod(dir_.File("dev").c_str(), 0755);
  EXPECT_THAT(server::PrepareDev(Options(), Clock::System()),
              HasReason(Reason::kFileNotPrivate, HasSubstr("chmod 700")));
}

TEST_F(ServerTest, DevDoesNotReplaceATokenThatAStoreDependsOn) {
  ASSERT_OK(server::PrepareDev(Options(), Clock::System()));
  dir_.Write("dev/store.db", "x");
  std::filesystem::rename(dir_.File("dev/tokens"), dir_.File("dev/away"));
  EXPECT_THAT(server::PrepareDev(Options(), Clock::System()),
              HasReason(Reason::kTokenNotFound, HasSubstr("put it back")));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("dev/tokens")));
}

TEST_F(ServerTest, ServeRefusesDevsToken) {
  ASSERT_OK_AND_ASSIGN(DevSetup setup,
                       server::PrepareDev(Options(), Clock::System()));
  setup.config.mode = server::Mode::kServe;
  setup.config.store_path = dir_.File("serve.db");
  EXPECT_THAT(Server::Create(setup.config),
              HasReason(Reason::kDevelopmentOnly, HasSubstr("strongroom-dev")));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("serve.db")));
}

TEST_F(ServerTest, ServeRefusesDevsStoreAndDevServes) {
  ASSERT_OK_AND_ASSIGN(auto store,
                       store::OpenSqliteStore({.path = dir_.File("store.db")}));
  ASSERT_OK(server::MarkStore(server::Mode::kDev, "s", store.get()));
  EXPECT_OK(server::MarkStore(server::Mode::kDev, "s", store.get()));
  EXPECT_THAT(
      server::MarkStore(server::Mode::kServe, "s", store.get()),
      HasReason(Reason::kDevelopmentOnly, HasSubstr("strongroomd dev")));
  ASSERT_OK_AND_ASSIGN(auto other,
                       store::OpenSqliteStore({.path = dir_.File("other.db")}));
  ASSERT_OK(server::MarkStore(server::Mode::kServe, "s", other.get()));
  EXPECT_THAT(server::MarkStore(server::Mode::kDev, "s", other.get()),
              HasReason(Reason::kDevelopmentOnly));
}

TEST_F(ServerTest, DevRefusesATokenItDidNotMake) {
  EXPECT_THAT(server::CheckTokenLabel(server::Mode::kDev, "production"),
              HasReason(Reason::kDevelopmentOnly));
  EXPECT_OK(server::CheckTokenLabel(server::Mode::kServe, "production"));
}

TEST_F(ServerTest, CertificatesNearTheirEndAreRenewedAndOthersKept) {
  ASSERT_OK_AND_ASSIGN(DevSetup setup,
                       server::PrepareDev(Options(), Clock::System()));
  std::vector<std::string> made;
  WallTime now = Clock::System().Now();
  ASSERT_OK(server::PrepareDevCertificates(
      setup.directory, now + std::chrono::hours(24 * 30), &made));
  EXPECT_THAT(made, IsEmpty());
  ASSERT_OK(server::PrepareDevCertificates(
      setup.directory, now + std::chrono::hours(24 * 70), &made));
  EXPECT_THAT(made, SizeIs(2));
  made.clear();
  ASSERT_OK(server::PrepareDevCertificates(
      setup.directory, now + std::chrono::hours(24 * 3500), &made));
  EXPECT_THAT(made, SizeIs(3));
}

TEST_F(ServerTest, ABadPolicyOnReloadLeavesTheOldOneInForce) {
  std::unique_ptr<Server> server = StartDev();
  ASSERT_NE(server, nullptr);
  auto channel = Connect(*server);
  dir_.Write("dev/policy.yaml", "version: 1\nrules: nonsense\n");
  EXPECT_THAT(server->Reload(), HasReason(Reason::kConfigInvalid));
  EXPECT_TRUE(CreateKey(channel, "still/allowed").ok());
  dir_.Write("dev/policy.yaml",
             "version: 1\nrules:\n  - name: other\n    who: [\"cn:other\"]\n"
             "    may: [use]\n    keys: [\"**\"]\n");
  EXPECT_OK(server->Reload());
  EXPECT_EQ(CreateKey(channel, "now/refused").error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(ServerTest, ReloadReopensTheAuditLog) {
  std::unique_ptr<Server> server = StartDev();
  ASSERT_NE(server, nullptr);
  std::filesystem::rename(dir_.File("dev/audit.log"), dir_.File("rotated"));
  ASSERT_OK(server->Reload());
  EXPECT_TRUE(CreateKey(Connect(*server), "demo/app").ok());
  EXPECT_THAT(*ReadFile(dir_.File("dev/audit.log")), HasSubstr("CreateKey"));
  EXPECT_THAT(*ReadFile(dir_.File("rotated")), Not(HasSubstr("CreateKey")));
}

TEST_F(ServerTest, AStoppedServerListensNoMore) {
  std::unique_ptr<Server> server = StartDev();
  ASSERT_NE(server, nullptr);
  auto channel = Connect(*server);
  ASSERT_TRUE(CreateKey(channel, "demo/app").ok());
  EXPECT_TRUE(server->Stop());
  EXPECT_TRUE(server->Stop());
  EXPECT_EQ(CreateKey(channel, "demo/more").error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(*ReadFile(dir_.File("dev/audit.log")),
              AllOf(HasSubstr("service.start"), HasSubstr("service.stop")));
}

TEST_F(ServerTest, AWrongPinIsSaid) {
  ASSERT_OK_AND_ASSIGN(DevSetup setup,
                       server::PrepareDev(Options(), Clock::System()));
  dir_.Write("dev/pin", "000000000000000000000000");
  EXPECT_THAT(Server::Create(setup.config),
              HasReason(Reason::kHsmLoginRefused));
}

TEST_F(ServerTest, AnAddressInUseIsSaidBeforeTokenAndStoreAreTouched) {
  std::unique_ptr<Server> first = StartDev();
  ASSERT_NE(first, nullptr);
  server::Config second = setup_.config;
  second.listen = first->grpc_address();
  second.store_path = dir_.File("second.db");
  EXPECT_THAT(Server::Create(second),
              HasReason(Reason::kAddressInUse, HasSubstr(second.listen)));
  EXPECT_FALSE(std::filesystem::exists(second.store_path));
}

TEST(DevEnvironmentTest, APathWithAQuoteIsQuotedForTheShell) {
  EXPECT_THAT(server::DevEnvironment("/tmp/it's", "127.0.0.1:1"),
              HasSubstr("STRONGROOM_CA='/tmp/it'\\''s/tls/ca.crt'"));
}

}  // namespace
}  // namespace strongroom::testing
