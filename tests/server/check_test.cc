// `strongroomd check`, and the certificate checks that `serve` makes too.
#include "server/check.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "server/certificates.h"
#include "server/refused_pin.h"
#include "tests/server/tls_fixture.h"

namespace strongroom::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPolicy[] =
    "version: 1\nrules:\n  - name: all\n    who: [\"cn:a\"]\n"
    "    may: [use]\n    keys: [\"**\"]\n";

class CheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server::PemPair pair = pki_.Server();
    config_.tls.certificate = dir_.Write("server.crt", pair.certificate, 0644);
    config_.tls.key = dir_.Write("server.key", KeyText(pair));
    config_.tls.client_ca =
        dir_.Write("ca.crt", pki_.authority().certificate, 0644);
    config_.hsm.pin_file = dir_.Write("pin", "1234\n");
    config_.hsm.module_path = dir_.Write("module.so", "elf");
    config_.policy_path = dir_.Write("policy.yaml", kPolicy);
    config_.store_path = dir_.File("store.db");
    config_.audit_path = dir_.File("audit.log");
  }

  std::vector<Status> Failures() {
    return server::CheckConfig(config_, now_).failures;
  }
  StatusOr<server::CertificateFacts> CheckPair() {
    return server::CheckServerPair(config_.tls.certificate, config_.tls.key,
                                   now_);
  }
  void UsePair(const server::PemPair& pair) {
    dir_.Write("server.crt", pair.certificate);
    dir_.Write("server.key", KeyText(pair));
  }

  TempDir dir_;
  TestPki pki_;
  WallTime now_ = Clock::System().Now();
  server::Config config_;
};

TEST_F(CheckTest, AGoodConfigurationHasNoFaultAndSaysWhatWasNotChecked) {
  server::CheckReport report = server::CheckConfig(config_, now_);
  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_THAT(report.not_checked, Contains(HasSubstr("PIN")));
  EXPECT_THAT(report.warnings, Contains(HasSubstr("crl_directory")));
  EXPECT_THAT(report.warnings, Contains(HasSubstr("within 14 days")));
}

TEST_F(CheckTest, ItChangesNothing) {
  server::CheckConfig(config_, now_);
  struct stat info;
  EXPECT_NE(stat(config_.store_path.c_str(), &info), 0);
  EXPECT_NE(stat(config_.audit_path.c_str(), &info), 0);
}

TEST_F(CheckTest, EveryFaultIsReportedNotOnlyTheFirst) {
  config_.tls.key = dir_.File("absent.key");
  config_.hsm.pin_file = dir_.File("absent.pin");
  config_.policy_path = dir_.Write("policy.yaml", "version: 9\n");
  EXPECT_EQ(Failures().size(), 3u);
}

TEST_F(CheckTest, AMissingCertificateIsNamed) {
  config_.tls.certificate = dir_.File("absent.crt");
  EXPECT_THAT(CheckPair(),
              HasReason(Reason::kFileUnreadable, HasSubstr("absent.crt")));
}

TEST_F(CheckTest, AnExpiredCertificateIsNamedWithItsDate) {
  UsePair(pki_.Server(
      {now_ - std::chrono::hours(48), now_ - std::chrono::hours(24)}));
  EXPECT_THAT(
      CheckPair(),
      HasReason(
          Reason::kCertificateInvalid,
          AllOf(HasSubstr("server.crt"), HasSubstr("expired at"),
                HasSubstr(
                    FormatTime(now_ - std::chrono::hours(24)).substr(0, 19)))));
}

TEST_F(CheckTest, ACertificateOfTomorrowIsRefused) {
  UsePair(pki_.Server(
      {now_ + std::chrono::hours(24), now_ + std::chrono::hours(48)}));
  EXPECT_THAT(CheckPair(), HasReason(Reason::kCertificateInvalid,
                                     HasSubstr("not valid before")));
}

TEST_F(CheckTest, AKeyOfAnotherCertificateIsRefused) {
  dir_.Write("server.key", KeyText(pki_.Server()));
  EXPECT_THAT(CheckPair(), HasReason(Reason::kCertificateInvalid,
                                     AllOf(HasSubstr("server.key"),
                                           HasSubstr("is not the key of"))));
}

TEST_F(CheckTest, AClientsCertificateIsNotForServers) {
  UsePair(pki_.Client("x", "DNS:localhost"));
  EXPECT_THAT(CheckPair(),
              HasReason(Reason::kCertificateInvalid, HasSubstr("serverAuth")));
}

TEST_F(CheckTest, ACertificateWithoutNamesIsRefused) {
  UsePair(*server::MakeCertificate(pki_.authority(), {.common_name = "x",
                                                      .subject_alt_name = "",
                                                      .for_server = true,
                                                      .validity = ValidNow()}));
  EXPECT_THAT(CheckPair(), HasReason(Reason::kCertificateInvalid,
                                     HasSubstr("subject alternative name")));
}

TEST_F(CheckTest, AKeyThatOthersCanReadIsRefused) {
  dir_.Write("server.key", KeyText(pki_.Server()), 0644);
  EXPECT_THAT(CheckPair(),
              HasReason(Reason::kFileNotPrivate, HasSubstr("server.key")));
}

TEST_F(CheckTest, TextThatIsNoCertificateIsRefused) {
  dir_.Write("server.crt", "hello\n");
  EXPECT_THAT(CheckPair(), HasReason(Reason::kCertificateInvalid,
                                     HasSubstr("not a PEM certificate")));
}

TEST_F(CheckTest, ATruncatedCertificateIsRefused) {
  std::string text = pki_.Server().certificate;
  dir_.Write("server.crt", text.substr(0, text.size() / 2));
  EXPECT_THAT(CheckPair(), HasReason(Reason::kCertificateInvalid));
}

TEST_F(CheckTest, TextThatIsNoKeyIsRefused) {
  dir_.Write("server.key", "hello\n");
  EXPECT_THAT(CheckPair(),
              HasReason(Reason::kCertificateInvalid, HasSubstr("private key")));
}

TEST_F(CheckTest, ALeafIsNoAuthority) {
  std::string path = dir_.Write("ca.crt", pki_.Server().certificate);
  EXPECT_THAT(server::CheckAuthorities(path, now_),
              HasReason(Reason::kCertificateInvalid, HasSubstr("not a CA")));
}

TEST_F(CheckTest, AnExpiredAuthorityAloneIsRefusedBesideAValidOneItIsNot) {
  server::PemPair old = *server::MakeAuthority(
      "old", {now_ - std::chrono::hours(48), now_ - std::chrono::hours(24)});
  std::string path = dir_.Write("ca.crt", old.certificate);
  EXPECT_THAT(server::CheckAuthorities(path, now_),
              HasReason(Reason::kCertificateInvalid, HasSubstr("expired at")));
  dir_.Write("ca.crt", old.certificate + pki_.authority().certificate);
  EXPECT_OK(server::CheckAuthorities(path, now_));
}

TEST_F(CheckTest, ACrlDirectoryWithoutCrlsIsRefused) {
  mkdir(dir_.File("crls").c_str(), 0700);
  EXPECT_THAT(
      server::CheckCrlDirectory(dir_.File("crls")),
      HasReason(Reason::kCertificateInvalid, HasSubstr("openssl rehash")));
  EXPECT_THAT(server::CheckCrlDirectory(dir_.File("absent")),
              HasReason(Reason::kFileUnreadable));
  dir_.Write("crls/5f3cd0e1.r0", "crl");
  EXPECT_OK(server::CheckCrlDirectory(dir_.File("crls")));
}

TEST_F(CheckTest, APinThatOthersCanReadIsRefused) {
  dir_.Write("pin", "1234", 0640);
  EXPECT_THAT(Failures(),
              Contains(HasReason(Reason::kFileNotPrivate, HasSubstr("pin"))));
}

TEST_F(CheckTest, AnEmptyPinIsRefused) {
  dir_.Write("pin", "");
  EXPECT_THAT(Failures(), Contains(HasReason(Reason::kFileUnreadable,
                                             HasSubstr("is empty"))));
}

TEST_F(CheckTest, APinThatTheTokenRefusedIsRefusedUntilItIsAnother) {
  ASSERT_OK(server::CheckPinNotRefused(config_));
  server::NoteLogin(config_, Error(Reason::kHsmLoginRefused, "wrong PIN"));
  EXPECT_THAT(Failures(),
              Contains(HasReason(Reason::kHsmLoginRefused,
                                 HasSubstr("store.db.pin-refused"))));
  // A failure of another kind neither sets nor clears it.
  server::NoteLogin(config_, Error(Reason::kHsmUnavailable, "unplugged"));
  EXPECT_THAT(server::CheckPinNotRefused(config_),
              HasReason(Reason::kHsmLoginRefused));
  // Another token, or another file, may be tried.
  server::Config other = config_;
  other.hsm.token_label = "another token";
  EXPECT_OK(server::CheckPinNotRefused(other));
  dir_.Write("pin.new", "12345\n");
  ASSERT_EQ(rename(dir_.File("pin.new").c_str(), dir_.File("pin").c_str()), 0);
  EXPECT_OK(server::CheckPinNotRefused(config_));
}

TEST_F(CheckTest, ALoginThatSucceedsForgetsTheRefusedPin) {
  server::NoteLogin(config_, Error(Reason::kHsmLoginRefused, "wrong PIN"));
  server::NoteLogin(config_, OkStatus());
  EXPECT_OK(server::CheckPinNotRefused(config_));
}

TEST_F(CheckTest, ANoteOfARefusedPinThatCannotBeReadIsARefusal) {
  ASSERT_EQ(mkdir(dir_.File("store.db.pin-refused").c_str(), 0700), 0);
  EXPECT_THAT(server::CheckPinNotRefused(config_),
              HasReason(Reason::kHsmLoginRefused));
}

TEST_F(CheckTest, AnEmptyStoreFileIsRefusedAsServeDoes) {
  dir_.Write("store.db", "");
  EXPECT_THAT(Failures(), Contains(HasReason(Reason::kStoreCorrupt,
                                             HasSubstr("is empty"))));
}

TEST_F(CheckTest, AMissingModuleIsNamed) {
  config_.hsm.module_path = "/nowhere/module.so";
  EXPECT_THAT(Failures(), Contains(HasReason(Reason::kFileUnreadable,
                                             HasSubstr("/nowhere"))));
}

TEST_F(CheckTest, ABadPolicyIsRefused) {
  dir_.Write("policy.yaml", "version: 1\nrules: nonsense\n");
  EXPECT_THAT(Failures(), Contains(HasReason(Reason::kConfigInvalid,
                                             HasSubstr("policy.yaml"))));
}

TEST_F(CheckTest, AStoreInADirectoryThatIsNotThereIsRefused) {
  config_.store_path = dir_.File("absent/store.db");
  EXPECT_THAT(Failures(), Contains(HasReason(Reason::kFileUnreadable,
                                             HasSubstr("absent"))));
}

TEST_F(CheckTest, AStoreThatOthersCanReadIsRefused) {
  dir_.Write("store.db", "x", 0644);
  EXPECT_THAT(Failures(), Contains(HasReason(Reason::kFileNotPrivate,
                                             HasSubstr("chmod 600"))));
}

TEST_F(CheckTest, AnAuditPathThatIsADirectoryIsRefused) {
  config_.audit_path = dir_.path();
  EXPECT_THAT(Failures(), Contains(HasReason(Reason::kConfigInvalid,
                                             HasSubstr("audit.path"))));
}

}  // namespace
}  // namespace strongroom::testing
