// strongroom key census, key usage
#include <memory>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/commands.h"
#include "cli/key_text.h"
#include "cli/output.h"
#include "cli/text.h"

namespace strongroom::cli {
namespace {

using client::CensusVersion;

Json ToJson(const CensusVersion& version) {
  Json json{{"version", version.version},
            {"registered_deks", version.registered_deks},
            {"batches", version.batches}};
  json.update(cli::ToJson(version.traces));
  json["claims"] = Json::array();
  for (const client::Claim& claim : version.claims) {
    json["claims"].push_back({{"caller", Printable(claim.caller)},
                              {"source", Printable(claim.source)},
                              {"objects", claim.objects},
                              {"report_time", FormatTime(claim.reported)}});
  }
  json["nothing_depends"] = version.nothing_depends;
  return json;
}

std::string TimeText(const std::optional<WallTime>& time, WallTime now) {
  return time.has_value() ? ShowTime(*time, now) : "-";
}

std::string CountText(const client::Traces& traces) {
  return (traces.in_use_before_counting ? "unknown + " : "") +
         std::to_string(traces.unregistered_wraps);
}

std::string Show(const std::vector<CensusVersion>& versions, WallTime now) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::vector<std::string>> claims;
  std::string free;
  for (const CensusVersion& version : versions) {
    const std::string number = std::to_string(version.version);
    const client::Traces& traces = version.traces;
    rows.push_back({number, std::to_string(version.registered_deks),
                    std::to_string(version.batches), CountText(traces),
                    TimeText(traces.first_wrap, now),
                    TimeText(traces.last_wrap, now),
                    TimeText(traces.last_unwrap, now)});
    for (const client::Claim& claim : version.claims) {
      claims.push_back({number, std::to_string(claim.objects),
                        Printable(claim.caller), Printable(claim.source),
                        ShowTime(claim.reported, now)});
    }
    if (version.nothing_depends) {
      free += "Nothing depends on version " + number + ".\n";
    }
  }
  std::string text =
      Table({"VERSION", "REGISTERED DEKS", "BATCHES", "UNREGISTERED WRAPS",
             "FIRST", "LAST", "LAST UNWRAP"},
            rows);
  if (!claims.empty()) {
    text += "\nReported by callers:\n" +
            Table({"VERSION", "OBJECTS", "CALLER", "WHERE", "WHEN"}, claims);
  }
  return text + free +
         "Unregistered wraps are counted when they are issued; how many of "
         "them callers still keep, only they know.\n";
}

std::string Show(const std::vector<client::KeyVersion>& versions,
                 WallTime now) {
  std::vector<std::vector<std::string>> rows;
  for (const client::KeyVersion& version : versions) {
    const client::Traces traces = version.traces.value_or(client::Traces());
    rows.push_back({std::to_string(version.version),
                    version.state + (version.primary ? ", primary" : ""),
                    std::to_string(version.seals), CountText(traces),
                    TimeText(traces.last_unwrap, now)});
  }
  return Table(
      {"VERSION", "STATE", "SEALS", "UNREGISTERED WRAPS", "LAST UNWRAP"}, rows);
}

}  // namespace

Runner DeclareKeyCensus(CLI::App& command) {
  auto key = std::make_shared<std::string>();
  command.add_option("KEY", *key, "The key, like payments/cards")->required();
  return [key](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(const auto versions, client->GetCensus(*key));
    if (!session.json()) return session.Print(Show(versions, session.now()));
    Json list = Json::array();
    for (const CensusVersion& version : versions) {
      list.push_back(ToJson(version));
    }
    return session.PrintJson(Json{{"key", *key}, {"versions", list}});
  };
}

Runner DeclareKeyUsage(CLI::App& command) {
  auto key = std::make_shared<std::string>();
  command.add_option("KEY", *key, "The key, like payments/cards")->required();
  return [key](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(const auto versions, client->GetKeyUsage(*key));
    if (!session.json()) return session.Print(Show(versions, session.now()));
    Json list = Json::array();
    for (const client::KeyVersion& version : versions) {
      list.push_back(cli::ToJson(version));
    }
    return session.PrintJson(Json{{"key", *key}, {"versions", list}});
  };
}

}  // namespace strongroom::cli
