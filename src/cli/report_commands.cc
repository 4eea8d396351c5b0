// strongroom job report, job verify.
#include <memory>
#include <nlohmann/json.hpp>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/text.h"
#include "strongroom/base/files.h"
#include "strongroom/signing/dsse.h"

namespace strongroom::cli {
namespace {

// registry/job_report.h has it for the service.
constexpr char kReportType[] = "application/vnd.strongroom.rewrap-report+json";

struct VerifyArgs {
  std::string file;
  std::string public_key;
};

Status NoReport(std::string_view what) {
  return Error(Reason::kMalformed,
               "the signed document is no report that this program knows: " +
                   std::string(what) + "; use the program that made it");
}

std::string TextOf(const Json& value) {
  return Printable(value.is_string() ? value.get<std::string>() : value.dump());
}

// CheckReport holds what the report claims against itself.
Status CheckReport(const Json& report) {
  if (!report.is_object()) return NoReport("it is not a JSON object");
  for (const char* name :
       {"installation_id", "job_id", "key", "key_id", "state", "from_versions",
        "to_versions", "batches_moved", "deks_moved", "batches_failed",
        "leaf_digest", "bulk_bytes_touched", "started_by", "start_time",
        "finish_time"}) {
    if (!report.contains(name))
      return NoReport(std::string(name) + " is not there");
  }
  const Json& digest = report["leaf_digest"];
  if (!digest.is_object() || !digest.contains("before") ||
      !digest.contains("after")) {
    return NoReport("leaf_digest has not both digests");
  }
  if (digest["before"] == digest["after"]) return OkStatus();
  return Error(Reason::kNotAuthentic,
               "the report is signed, and says that leaves changed: before " +
                   TextOf(digest["before"]) + ", after " +
                   TextOf(digest["after"]));
}

std::string ShowReport(const Json& report) {
  return Facts(
      {{"Job", TextOf(report["job_id"])},
       {"State", TextOf(report["state"])},
       {"Key", TextOf(report["key"]) + " (" + TextOf(report["key_id"]) + ")"},
       {"Installation", TextOf(report["installation_id"])},
       {"From versions", TextOf(report["from_versions"])},
       {"To versions", TextOf(report["to_versions"])},
       {"Moved", TextOf(report["deks_moved"]) + " DEKs in " +
                     TextOf(report["batches_moved"]) + " batches"},
       {"Not moved", TextOf(report["batches_failed"]) + " batches"},
       {"Leaves", "unchanged, " + TextOf(report["leaf_digest"]["after"])},
       {"Bulk bytes", TextOf(report["bulk_bytes_touched"])},
       {"Begun",
        TextOf(report["start_time"]) + " by " + TextOf(report["started_by"])},
       {"Ended", TextOf(report["finish_time"])}});
}

}  // namespace

Runner DeclareJobReport(CLI::App& command) {
  auto key = std::make_shared<std::string>();
  auto id = std::make_shared<std::string>();
  command.add_option("KEY", *key, "The key, like payments/cards")->required();
  command.add_option("ID", *id, "The job")->required();
  command.footer("The output is JSON, signed: keep it as it is.");
  return [key, id](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(const std::string report,
                        client->GetJobReport(*key, *id));
    return session.Print(report);
  };
}

Runner DeclareJobVerify(CLI::App& command) {
  auto args = std::make_shared<VerifyArgs>();
  command.add_option("FILE", args->file, "What job report printed")->required();
  command
      .add_option("--public-key", args->public_key,
                  "What hsm public-key printed, kept since")
      ->required();
  command.footer("Asks no service.");
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(const std::string pem, ReadFile(args->public_key));
    SR_ASSIGN_OR_RETURN(const Bytes spki, signing::ParsePublicKeyPem(pem));
    SR_ASSIGN_OR_RETURN(const std::string envelope, ReadFile(args->file));
    SR_ASSIGN_OR_RETURN(const Bytes payload,
                        signing::OpenEnvelope(envelope, kReportType, spki));
    const Json report =
        Json::parse(AsText(payload), nullptr, /*allow_exceptions=*/false);
    SR_RETURN_IF_ERROR(CheckReport(report));
    if (session.json()) return session.PrintJson(report);
    return session.Print("signed by key " + signing::KeyIdOf(spki) + "\n" +
                         ShowReport(report));
  };
}

}  // namespace strongroom::cli
