// strongroom dek ...
#include <memory>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/commands.h"
#include "cli/data_args.h"
#include "cli/key_text.h"
#include "cli/report.h"
#include "cli/text.h"

namespace strongroom::cli {
namespace {

using client::Dek;

// A table is printed in pieces: a key may have millions of DEKs.
constexpr size_t kRowsAtOnce = 500;

struct DekArgs {
  std::string key;
  std::string id;
};

struct ListArgs {
  std::string key;
  uint32_t version = 0;
  std::vector<std::string> labels;
};

void AddKey(CLI::App& command, std::string* key) {
  command.add_option("KEY", *key, "The key, like payments/cards")->required();
}

std::shared_ptr<DekArgs> AddDekArgs(CLI::App& command) {
  auto args = std::make_shared<DekArgs>();
  AddKey(command, &args->key);
  command.add_option("ID", args->id, "The DEK, as it was registered")
      ->required();
  return args;
}

Json ToJson(const Dek& dek) {
  Json json;
  json["dek_id"] = dek.dek_id;
  json["key_version"] = dek.key_version;
  json["labels"] = Json::object();
  for (const auto& [name, value] : dek.about.labels) {
    json["labels"][name] = value;
  }
  json["reference"] = dek.about.reference;
  json["create_time"] = FormatTime(dek.created);
  return json;
}

std::string ShowDeks(const std::vector<Dek>& deks, WallTime now) {
  std::vector<std::vector<std::string>> rows;
  for (const Dek& dek : deks) {
    rows.push_back({dek.dek_id, std::to_string(dek.key_version),
                    LabelText(dek.about.labels), dek.about.reference,
                    ShowTime(dek.created, now)});
  }
  return Table({"ID", "VERSION", "LABELS", "REFERENCE", "CREATED"}, rows);
}

Status ListAsText(Session& session, client::Client& client,
                  const ListArgs& args, const client::Labels& labels) {
  std::vector<Dek> waiting;
  bool any = false;
  const auto print = [&]() -> Status {
    any = true;
    SR_RETURN_IF_ERROR(session.Print(ShowDeks(waiting, session.now())));
    waiting.clear();
    return OkStatus();
  };
  SR_RETURN_IF_ERROR(client.ListDeks(
      args.key, args.version, labels, [&](const Dek& dek) -> Status {
        waiting.push_back(dek);
        return waiting.size() < kRowsAtOnce ? OkStatus() : print();
      }));
  if (!waiting.empty()) return print();
  return any ? OkStatus() : session.Print("no such registered DEKs\n");
}

Status ListAsJson(Session& session, client::Client& client,
                  const ListArgs& args, const client::Labels& labels) {
  Json list = Json::array();
  SR_RETURN_IF_ERROR(client.ListDeks(args.key, args.version, labels,
                                     [&](const Dek& dek) -> Status {
                                       list.push_back(ToJson(dek));
                                       return OkStatus();
                                     }));
  return session.PrintJson(Json{{"deks", std::move(list)}});
}

Status SayDone(Session& session, const DekArgs& args, const char* outcome,
               const std::string& said) {
  if (!session.json()) return session.Print(Printable(args.id) + said + "\n");
  return session.PrintJson(
      Json{{"key", args.key}, {"dek_id", args.id}, {"outcome", outcome}});
}

}  // namespace

Runner DeclareDekList(CLI::App& command) {
  auto args = std::make_shared<ListArgs>();
  AddKey(command, &args->key);
  command.add_option("--version", args->version,
                     "Only those wrapped under this version now");
  command
      .add_option("--label", args->labels,
                  "Only those with this label, KEY=VALUE; may be given again")
      ->allow_extra_args(false);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Labels labels, ParseLabels(args->labels));
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    if (session.json()) return ListAsJson(session, *client, *args, labels);
    return ListAsText(session, *client, *args, labels);
  };
}

Runner DeclareDekShow(CLI::App& command) {
  auto args = AddDekArgs(command);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(Dek dek, client->GetDek(args->key, args->id));
    if (session.json()) return session.PrintJson(ToJson(dek));
    return session.Print(Facts({
        {"DEK", dek.dek_id},
        {"Key", args->key + " version " + std::to_string(dek.key_version)},
        {"Created", ShowTime(dek.created, session.now())},
        {"Labels", LabelText(dek.about.labels)},
        {"Reference", dek.about.reference},
    }));
  };
}

Runner DeclareDekDelete(CLI::App& command) {
  auto args = AddDekArgs(command);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_RETURN_IF_ERROR(client->DeleteDek(args->key, args->id));
    return SayDone(session, *args, "deleted",
                   ": forgotten. Who has the wrapped DEK can still open it; "
                   "no rotation moves it any more.");
  };
}

Runner DeclareDekShred(CLI::App& command) {
  auto args = AddDekArgs(command);
  auto sure = std::make_shared<bool>(false);
  command.add_flag("--yes", *sure, "Needed: nothing brings the DEK back");
  return [args, sure](Session& session) -> Status {
    if (!*sure) {
      return UsageError(
          "what is encrypted under a shredded DEK is lost for ever; say --yes "
          "if that is what you want");
    }
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_RETURN_IF_ERROR(client->ShredDek(args->key, args->id));
    return SayDone(session, *args, "shredded",
                   ": erased here, and refused for ever. Backups of the store "
                   "still hold it, wrapped.");
  };
}

}  // namespace strongroom::cli
