// Every way a configuration can be wrong is said, with its place.
#include "server/config.h"

#include <gmock/gmock.h>

#include <string>

#include "tests/testing/paths.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::testing {
namespace {

using server::Config;
using server::ParseConfig;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kGood[] =
    "listen: 10.0.0.5:7443\n"
    "tls:\n"
    "  cert: /etc/strongroom/server.crt\n"
    "  key: /etc/strongroom/server.key\n"
    "  client_ca: /etc/strongroom/ca.crt\n"
    "  crl_directory: /etc/strongroom/crls\n"
    "hsm:\n"
    "  module: /usr/lib/softhsm/libsofthsm2.so\n"
    "  profile: softhsm\n"
    "  token_label: production\n"
    "  pin_file: /etc/strongroom/pin\n"
    "  workers: 3\n"
    "store:\n"
    "  path: /var/lib/strongroom/store.db\n"
    "audit:\n"
    "  path: /var/log/strongroom/audit.log\n"
    "policy:\n"
    "  path: /etc/strongroom/policy.yaml\n"
    "metrics:\n"
    "  listen: 127.0.0.1:7480\n"
    "log:\n"
    "  level: debug\n"
    "  format: json\n"
    "drain_seconds: 20\n"
    "destruction_grace_seconds: 60\n"
    "limits:\n"
    "  max_concurrent_streams: 64\n"
    "  lifecycle_workers: 2\n"
    "  max_queued_items: 8192\n"
    "  background_share: 25\n"
    "  max_connections: 100\n"
    "  connection_idle_seconds: 60\n";

// With replaces the one occurrence of `from`.
std::string With(std::string_view from, std::string_view to) {
  std::string text = kGood;
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ConfigTest, AStoreIsADirectoryWithAllThatBelongsToIt) {
  ASSERT_OK_AND_ASSIGN(
      Config config, ParseConfig(With("  path: /var/lib/strongroom/store.db\n",
                                      "  directory: /var/lib/strongroom\n"),
                                 "c.yaml"));
  EXPECT_EQ(config.store_path, "/var/lib/strongroom/store.db");
}

TEST(ConfigTest, EveryFieldIsRead) {
  ASSERT_OK_AND_ASSIGN(Config config, ParseConfig(kGood, "c.yaml"));
  EXPECT_EQ(config.mode, server::Mode::kServe);
  EXPECT_EQ(config.listen, "10.0.0.5:7443");
  EXPECT_EQ(config.tls.certificate, "/etc/strongroom/server.crt");
  EXPECT_EQ(config.tls.key, "/etc/strongroom/server.key");
  EXPECT_EQ(config.tls.client_ca, "/etc/strongroom/ca.crt");
  EXPECT_EQ(config.tls.crl_directory, "/etc/strongroom/crls");
  EXPECT_EQ(config.hsm.module_path, "/usr/lib/softhsm/libsofthsm2.so");
  EXPECT_EQ(config.hsm.profile.name, "softhsm");
  EXPECT_EQ(config.hsm.token_label, "production");
  EXPECT_EQ(config.hsm.pin_file, "/etc/strongroom/pin");
  EXPECT_EQ(config.hsm.workers, 3);
  EXPECT_EQ(config.store_path, "/var/lib/strongroom/store.db");
  EXPECT_EQ(config.audit_path, "/var/log/strongroom/audit.log");
  EXPECT_EQ(config.policy_path, "/etc/strongroom/policy.yaml");
  EXPECT_EQ(config.metrics_listen, "127.0.0.1:7480");
  EXPECT_EQ(config.log_level, log::Level::kDebug);
  EXPECT_EQ(config.log_format, log::Format::kJson);
  EXPECT_EQ(config.drain_seconds, 20);
  EXPECT_EQ(config.destruction_grace_seconds, 60);
  EXPECT_EQ(config.limits.max_concurrent_streams, 64);
  EXPECT_EQ(config.limits.lifecycle_workers, 2);
  EXPECT_EQ(config.limits.max_queued_items, 8192u);
  EXPECT_EQ(config.limits.background_share, 25);
  EXPECT_EQ(config.limits.max_connections, 100);
  EXPECT_EQ(config.limits.connection_idle_seconds, 60);
}

struct BadCase {
  const char* name;
  const char* from;
  const char* to;
  const char* message;
};

class BadConfigTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadConfigTest, IsRefusedWithItsPlace) {
  const BadCase& bad = GetParam();
  EXPECT_THAT(ParseConfig(With(bad.from, bad.to), "c.yaml"),
              HasReason(Reason::kConfigInvalid,
                        AllOf(HasSubstr("c.yaml"), HasSubstr(bad.message))));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadConfigTest,
    ::testing::Values(
        BadCase{"UnknownTopKey",
                "drain_seconds:", "drain_secs:", "drain_seconds"},
        BadCase{"UnknownTlsKey", "  client_ca:", "  clientca:", "client_ca"},
        BadCase{"UnknownHsmKey", "  workers:", "  worker:", "workers"},
        BadCase{"NoBackgroundShare", "background_share: 25",
                "background_share: 0", "background_share"},
        BadCase{"MostOfTheTokenForTheBackground", "background_share: 25",
                "background_share: 51", "background_share"},
        BadCase{"UnknownLimit", "lifecycle_workers", "lifecycle_worker",
                "lifecycle_workers"},
        BadCase{"UnknownStoreKey",
                "store:\n  path:", "store:\n  file:", "file"},
        BadCase{"StoreWithDirectoryAndPath", "store:\n",
                "store:\n  directory: /var/lib/strongroom\n", "not both"},
        BadCase{"RelativeStoreDirectory",
                "store:\n  path: /var/lib/strongroom/store.db",
                "store:\n  directory: strongroom", "absolute path"},
        BadCase{"RepeatedKey", "drain_seconds: 20",
                "drain_seconds: 20\ndrain_seconds: 30", "drain_seconds"},
        BadCase{"PinInTheFile", "  workers: 3", "  pin: '1234'",
                "hsm.pin_file"},
        BadCase{"PasswordInTheFile", "  crl_directory: /etc/strongroom/crls",
                "  password: x", "secrets"},
        BadCase{"NoListen", "listen: 10.0.0.5:7443\n", "", "listen"},
        BadCase{"NoKey", "  key: /etc/strongroom/server.key\n", "", "key"},
        BadCase{"NoClientCa", "  client_ca: /etc/strongroom/ca.crt\n", "",
                "client_ca"},
        BadCase{"NoPin", "  pin_file: /etc/strongroom/pin\n", "", "pin_file"},
        BadCase{"NoToken", "  token_label: production\n", "", "token_serial"},
        BadCase{"NoStore", "store:\n  path: /var/lib/strongroom/store.db\n", "",
                "store"},
        BadCase{"NoAudit", "audit:\n  path: /var/log/strongroom/audit.log\n",
                "", "audit"},
        BadCase{"NoPolicy", "policy:\n  path: /etc/strongroom/policy.yaml\n",
                "", "policy"},
        BadCase{"RelativePath", "/etc/strongroom/pin", "pin", "absolute path"},
        BadCase{"UnknownProfile", "profile: softhsm", "profile: hardhsm",
                "hardhsm"},
        BadCase{"AddressWithoutPort", "10.0.0.5:7443", "10.0.0.5", "no port"},
        BadCase{"AddressIsAName", "10.0.0.5:7443", "kms.example:7443",
                "not an IP address"},
        BadCase{"PortTooLarge", "10.0.0.5:7443", "10.0.0.5:70000",
                "0 to 65535"},
        BadCase{"PublicMetrics", "127.0.0.1:7480", "0.0.0.0:7480",
                "only on loopback"},
        BadCase{"MetricsTls", "metrics:\n  listen: 127.0.0.1:7480",
                "metrics:\n  tls: {}", "tls"},
        BadCase{"LogLevel", "level: debug", "level: loud", "loud"},
        BadCase{"LogFormat", "format: json", "format: xml", "xml"},
        BadCase{"NoDrainTime", "drain_seconds: 20", "drain_seconds: 0",
                "drain_seconds"},
        BadCase{"NegativeGrace", "destruction_grace_seconds: 60",
                "destruction_grace_seconds: -1", "destruction_grace_seconds"},
        BadCase{"LongDrain", "drain_seconds: 20", "drain_seconds: 4000",
                "drain_seconds"},
        BadCase{"TooManyWorkers", "workers: 3", "workers: 1000", "workers"},
        BadCase{"NoConnections", "max_connections: 100", "max_connections: 0",
                "max_connections"},
        BadCase{"NoTimeToBeIdle", "connection_idle_seconds: 60",
                "connection_idle_seconds: 0", "connection_idle_seconds"},
        BadCase{"QueueSmallerThanARequest", "max_queued_items: 8192",
                "max_queued_items: 100", "max_queued_items"},
        BadCase{"StreamsNotANumber", "max_concurrent_streams: 64",
                "max_concurrent_streams: many", "max_concurrent_streams"}),
    [](const ::testing::TestParamInfo<BadCase>& each) {
      return std::string(each.param.name);
    });

TEST(ConfigTest, TheExampleInDeployIsTaken) {
  EXPECT_OK(server::LoadConfig(
      testing::SourcePath("deploy/strongroom.example.yaml")));
}

TEST(ConfigTest, AListIsNoConfiguration) {
  EXPECT_THAT(ParseConfig("- a\n", "c.yaml"),
              HasReason(Reason::kConfigInvalid, HasSubstr("c.yaml")));
}

TEST(ConfigTest, AMissingFileIsNamed) {
  EXPECT_THAT(server::LoadConfig("/nowhere/c.yaml"),
              HasReason(Reason::kFileUnreadable, HasSubstr("/nowhere/c.yaml")));
}

}  // namespace
}  // namespace strongroom::testing
