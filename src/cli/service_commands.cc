// strongroom status, whoami, version, hsm ...
#include "CLI/App.hpp"
#include "cli/commands.h"
#include "cli/text.h"
#include "strongroom/base/version.h"

namespace strongroom::cli {
namespace {

using client::Client;
using client::Identity;
using client::ServiceStatus;
using client::TokenObject;

const char* YesNo(bool value) { return value ? "yes" : "no"; }

Json ToJson(const TokenObject& object) {
  Json json;
  json["id"] = object.id;
  json["label"] = object.label;
  json["object_class"] = object.object_class;
  json["key_type"] = object.key_type;
  json["owner"] = object.owner;
  json["sensitive"] = object.sensitive;
  json["never_extractable"] = object.never_extractable;
  return json;
}

std::string ShowObjects(const std::vector<TokenObject>& objects) {
  if (objects.empty()) return "no objects on the token\n";
  std::vector<std::vector<std::string>> rows;
  for (const TokenObject& object : objects) {
    rows.push_back({object.owner, object.object_class, object.key_type,
                    YesNo(object.sensitive), YesNo(object.never_extractable),
                    object.id, object.label});
  }
  return Table({"OWNER", "CLASS", "TYPE", "SENSITIVE", "NEVER EXTRACTABLE",
                "ID", "LABEL"},
               rows);
}

Json ToJson(const ServiceStatus& status) {
  Json json;
  json["version"] = status.version;
  json["mode"] = status.mode;
  json["start_time"] = FormatTime(status.started);
  json["installation_id"] = status.installation_id;
  json["token_label"] = status.token_label;
  json["token_model"] = status.token_model;
  json["token_serial"] = status.token_serial;
  json["profile"] = status.profile;
  json["sessions"] = status.sessions;
  json["hsm_healthy"] = status.hsm_healthy;
  json["hsm_detail"] = status.hsm_detail;
  json["keys"] = status.keys;
  json["key_versions"] = status.key_versions;
  json["token_operations"] = status.token_operations;
  json["items_sealed"] = status.items_sealed;
  json["items_opened"] = status.items_opened;
  json["warnings"] = status.warnings;
  return json;
}

std::string ShowStatus(const ServiceStatus& status, WallTime now) {
  std::string health = status.hsm_healthy ? "is well" : "is NOT well";
  if (!status.hsm_detail.empty()) health += ": " + status.hsm_detail;
  std::string text = Facts({
      {"Service", "strongroomd " + status.version + " (" + status.mode + ")"},
      {"Started", ShowTime(status.started, now)},
      {"Installation", status.installation_id},
      {"Token", status.token_label + " (" + status.token_model + ", serial " +
                    status.token_serial + ")"},
      {"Health", "the token " + health},
      {"Profile",
       status.profile + ", " + std::to_string(status.sessions) + " sessions"},
      {"Keys", std::to_string(status.keys) + ", with " +
                   std::to_string(status.key_versions) + " versions"},
      {"Sealed", std::to_string(status.items_sealed) + " items"},
      {"Opened", std::to_string(status.items_opened) + " items"},
      {"Token operations", std::to_string(status.token_operations)},
  });
  for (const std::string& warning : status.warnings) {
    text += "Warning: " + Printable(warning) + "\n";
  }
  return text;
}

Json ToJson(const Identity& identity) {
  Json json;
  json["caller"] = identity.caller;
  json["subject"] = identity.subject;
  json["grants"] = identity.grants;
  return json;
}

std::string ShowIdentity(const Identity& identity) {
  std::string text =
      Facts({{"Caller", identity.caller}, {"Certificate", identity.subject}});
  if (identity.grants.empty()) return text + "No rule names this caller.\n";
  text += "Rules:\n";
  for (const std::string& grant : identity.grants) {
    text += "  " + Printable(grant) + "\n";
  }
  return text;
}

}  // namespace

Runner DeclareHsmObjects(CLI::App& command) {
  command.footer("Attributes only: keys do not leave the token.");
  return [](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(std::vector<TokenObject> objects,
                        client->ListTokenObjects());
    if (!session.json()) return session.Print(ShowObjects(objects));
    Json list = Json::array();
    for (const TokenObject& object : objects) list.push_back(ToJson(object));
    return session.PrintJson(Json{{"objects", std::move(list)}});
  };
}

Runner DeclareHsmPublicKey(CLI::App& command) {
  command.footer(
      "Keep it where neither the store nor the token is: it is what tells that "
      "a report or a backup is this installation's.");
  return [](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(const client::PublicKey key, client->GetSigningKey());
    if (!session.json()) return session.Print(key.pem);
    return session.PrintJson(
        Json{{"key_id", key.key_id}, {"public_key", key.pem}});
  };
}

Runner DeclareStatus(CLI::App&) {
  return [](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(ServiceStatus status, client->GetStatus());
    if (session.json()) return session.PrintJson(ToJson(status));
    return session.Print(ShowStatus(status, session.now()));
  };
}

Runner DeclareWhoAmI(CLI::App&) {
  return [](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(Identity identity, client->WhoAmI());
    if (session.json()) return session.PrintJson(ToJson(identity));
    return session.Print(ShowIdentity(identity));
  };
}

Runner DeclareVersion(CLI::App&) {
  return [](Session& session) -> Status {
    if (session.json()) return session.PrintJson(Json{{"version", kVersion}});
    return session.Print(std::string("strongroom ") + kVersion + "\n");
  };
}

}  // namespace strongroom::cli
