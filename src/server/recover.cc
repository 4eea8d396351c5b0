#include <sys/stat.h>

#include <sstream>
#include <utility>

#include "server/backup.h"
#include "server/mode_marks.h"
#include "server/open_token.h"
#include "strongroom/audit/audit_log.h"
#include "strongroom/base/files.h"
#include "strongroom/store/sqlite.h"
#include "strongroom/store/store.h"

namespace strongroom::server {
namespace {

bool Exists(const std::string& path) {
  struct stat about {};
  return lstat(path.c_str(), &about) == 0;
}

// "<key uuid> <name>" a line; empty lines and those that begin with # are not
// read.
StatusOr<std::map<Uuid, KeyName>> ReadNames(const std::string& path) {
  std::map<Uuid, KeyName> names;
  if (path.empty()) return names;
  SR_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    std::string id, name, rest;
    words >> id >> name >> rest;
    if (id.empty() || id.front() == '#') continue;
    const StatusOr<Uuid> key = Uuid::Parse(id);
    const StatusOr<KeyName> named = KeyName::Parse(name);
    if (!key.ok() || !named.ok() || !rest.empty() ||
        !names.emplace(*key, *named).second) {
      return Error(Reason::kArgumentInvalid,
                   path + ":" + std::to_string(number) +
                       ": want a key's UUID and its name, each key once");
    }
  }
  return names;
}

std::string ListOf(const std::map<Uuid, int>& installations) {
  std::string text;
  for (const auto& [id, keks] : installations) {
    text += (text.empty() ? "" : ", ") + id.ToString() + " (" +
            std::to_string(keks) + " KEKs)";
  }
  return text;
}

// Whose KEKs a new store is for.
StatusOr<Uuid> Choose(hsm::Device& device, const RecoverOptions& options) {
  SR_ASSIGN_OR_RETURN(const auto installations,
                      keyring::InstallationsOn(device));
  if (options.installation) {
    if (installations.contains(*options.installation)) {
      return *options.installation;
    }
    return Error(Reason::kKeyNotFound,
                 "the token has no KEK of installation " +
                     options.installation->ToString() + "; it has those of " +
                     (installations.empty() ? "none" : ListOf(installations)));
  }
  if (installations.size() == 1) return installations.begin()->first;
  if (installations.empty()) {
    return Error(Reason::kKeyNotFound,
                 "the token has no KEK of any installation: is it the right "
                 "one?");
  }
  return Error(Reason::kConflict,
               "the token has KEKs of several installations: " +
                   ListOf(installations) + "; say which (--installation)");
}

Status Record(const Config& config, const Clock& clock,
              const keyring::RebuildReport& rebuilt) {
  SR_ASSIGN_OR_RETURN(auto log,
                      audit::OpenAuditLog(config.audit_path, NullMetrics()));
  for (const keyring::RebuiltVersion& one : rebuilt.added) {
    audit::Record record;
    record.time = clock.Now();
    record.operation = "store.recover";
    record.key = one.key;
    record.versions = {one.version};
    record.outcome = "OK";
    record.detail = "rebuilt from the token";
    SR_RETURN_IF_ERROR(log->Append(record, audit::Durability::kDurable));
  }
  return OkStatus();
}

}  // namespace

StatusOr<RecoverReport> Recover(const Config& config,
                                const RecoverOptions& options,
                                const Clock& clock) {
  RecoverReport report;
  SR_ASSIGN_OR_RETURN(const auto names, ReadNames(options.names_file));
  store::SqliteOptions opening{.path = config.store_path};
  report.made_store = !Exists(config.store_path);
  std::unique_ptr<store::Store> store;
  if (!report.made_store) {
    // First of all: its lock says whether a service runs.
    SR_ASSIGN_OR_RETURN(store, store::OpenSqliteStore(opening));
  }
  SR_ASSIGN_OR_RETURN(const OneToken token, OneToken::Open(config, clock));
  if (report.made_store) {
    SR_ASSIGN_OR_RETURN(opening.installation_id, Choose(*token, options));
    SR_ASSIGN_OR_RETURN(store, store::OpenSqliteStore(opening));
  }
  report.installation = store->installation_id();
  if (options.installation && *options.installation != report.installation) {
    return Error(Reason::kConflict,
                 "the store at " + config.store_path +
                     " is that of installation " +
                     report.installation.ToString() + "; want that of " +
                     options.installation->ToString() +
                     ": move the store away to begin a new one");
  }
  SR_RETURN_IF_ERROR(MarkStore(config.mode, config.store_path, store.get()));
  SR_ASSIGN_OR_RETURN(report.rebuilt,
                      keyring::Rebuild(*store, *token, clock, names));
  SR_RETURN_IF_ERROR(Record(config, clock, report.rebuilt));
  return report;
}

}  // namespace strongroom::server
