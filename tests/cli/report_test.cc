// strongroom job report, job verify: with a report that a token signed.
#include <gmock/gmock.h>

#include "strongroom/signing/dsse.h"
#include "tests/cli/cli_fixture.h"
#include "tests/testing/fake_device.h"

namespace strongroom::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kType[] = "application/vnd.strongroom.rewrap-report+json";

class ReportCliTest : public CliTest {
 protected:
  ReportCliTest() : spki_(*device_.MakeSigningKey(id_, "label")) {
    report_ = nlohmann::json::parse(R"({
      "installation_id": "i", "job_id": "j", "key": "pay/cards",
      "key_id": "k", "state": "DONE", "from_versions": [1],
      "to_versions": [2], "batches_moved": 8, "deks_moved": 9,
      "batches_failed": 0, "bulk_bytes_touched": 0,
      "leaf_digest": {"algorithm": "a", "before": "aa", "after": "aa"},
      "started_by": "cn:root", "start_time": "t", "finish_time": "u"})");
    pem_ = dir_.Write("public.pem", signing::PublicKeyToPem(spki_));
  }
  std::string Signed(const std::string& type = kType) {
    const std::string payload = report_.dump();
    auto signature =
        device_.Sign(id_, signing::DigestOf(type, AsBytes(payload)));
    auto envelope =
        signing::MakeEnvelope(type, AsBytes(payload), spki_, *signature);
    EXPECT_OK(envelope);
    return *envelope;
  }
  CliResult Verify(const std::string& envelope) {
    return Run({"job", "verify", dir_.Write("report.json", envelope),
                "--public-key", pem_});
  }

  FakeDevice device_;
  Uuid id_ = Uuid::Random();
  Bytes spki_;
  nlohmann::json report_;
  std::string pem_;
};

TEST_F(ReportCliTest, AReportIsPrintedAsItCame) {
  fake_.report = Signed();
  const CliResult result = Run({"job", "report", "pay/cards", "one"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, fake_.report);
}

TEST_F(ReportCliTest, AGoodReportIsShownWithoutAskingTheService) {
  connect_failure_ = Error(Reason::kServerUnreachable, "away");
  const CliResult result = Verify(Signed());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("9 DEKs in 8 batches"));
  EXPECT_THAT(result.out,
              HasSubstr("signed by key " + signing::KeyIdOf(spki_)));
  const CliResult json = Run({"job", "verify", dir_.File("report.json"),
                              "--public-key", pem_, "--output", "json"});
  EXPECT_EQ(json.Json(), report_);
}

TEST_F(ReportCliTest, AChangedReportIsRefused) {
  std::string envelope = Signed();
  // Of the payload, which is base64.
  const size_t at = envelope.find("\"payload\": \"") + 20;
  envelope[at] = envelope[at] == 'A' ? 'B' : 'A';
  const CliResult result = Verify(envelope);
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("NOT_AUTHENTIC"));
  EXPECT_EQ(result.out, "");
}

TEST_F(ReportCliTest, ASignedReportWhoseDigestsDifferIsRefused) {
  report_["leaf_digest"]["after"] = "ab";
  const CliResult result = Verify(Signed());
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("leaves changed"));
}

TEST_F(ReportCliTest, ASignedDocumentOfAnotherKindIsRefused) {
  EXPECT_THAT(Verify(Signed("application/x")).err,
              HasSubstr("ARGUMENT_INVALID"));
  report_.erase("state");
  EXPECT_THAT(Verify(Signed()).err, HasSubstr("MALFORMED"));
  report_ = nlohmann::json::array();
  EXPECT_THAT(Verify(Signed()).err, HasSubstr("MALFORMED"));
}

TEST_F(ReportCliTest, AnotherKeyOrNoneIsRefused) {
  const std::string envelope = Signed();
  const Bytes other = *device_.MakeSigningKey(Uuid::Random(), "label");
  dir_.Write("public.pem", signing::PublicKeyToPem(other));
  EXPECT_THAT(Verify(envelope).err, HasSubstr("NOT_AUTHENTIC"));
  dir_.Write("public.pem", "nothing");
  EXPECT_THAT(Verify(envelope).err, HasSubstr("MALFORMED"));
  EXPECT_NE(Run({"job", "verify", dir_.File("report.json")}).exit_code, 0);
}

TEST_F(ReportCliTest, TextInAReportCannotCommandTheTerminal) {
  report_["started_by"] = "evil\x1b[2J";
  const CliResult result = Verify(Signed());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace strongroom::testing
