#include "server/backup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/open_token.h"
#include "strongroom/audit/audit_log.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/base/files.h"
#include "strongroom/base/log.h"
#include "strongroom/base/version.h"
#include "strongroom/keyring/signing_key.h"
#include "strongroom/signing/dsse.h"

namespace strongroom::server {
namespace {

using keyring::SigningPair;

bool Exists(const std::string& path) {
  struct stat about {};
  return lstat(path.c_str(), &about) == 0;
}

// Removed is a file that is gone at the end.
class Removed {
 public:
  explicit Removed(std::string path) : path_(std::move(path)) { Remove(); }
  ~Removed() { Remove(); }
  Removed(const Removed&) = delete;
  const std::string& path() const { return path_; }

 private:
  void Remove() const {
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
      unlink((path_ + suffix).c_str());
    }
  }
  const std::string path_;
};

StatusOr<SigningPair> PairOf(const std::string& store) {
  std::optional<SigningPair> pair;
  SR_RETURN_IF_ERROR(
      store::ReadSqliteStore(store, [&](store::ReadTransaction& t) -> Status {
        SR_ASSIGN_OR_RETURN(pair, keyring::SigningPairIn(t));
        return OkStatus();
      }));
  if (pair) return *std::move(pair);
  return Error(Reason::kSigningKeyMissing,
               "this installation has no signing key yet, with which to sign a "
               "backup: run `strongroom hsm public-key` while the service "
               "runs, keep what it prints away from this machine, and repeat");
}

StatusOr<Bytes> ReadPublicKey(const std::string& path) {
  SR_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
  StatusOr<Bytes> spki = signing::ParsePublicKeyPem(pem);
  if (spki.ok()) return spki;
  return Annotate(spki.status(), path);
}

StatusOr<Manifest> OpenManifest(const std::string& envelope, ByteView spki) {
  SR_ASSIGN_OR_RETURN(const Bytes payload,
                      signing::OpenEnvelope(envelope, kBackupType, spki));
  return ParseManifest(payload);
}

// The token's word on who signed it; nullopt if it cannot say.
StatusOr<std::optional<Manifest>> AskToken(const Config& config,
                                           const Clock& clock,
                                           const std::string& envelope) {
  StatusOr<OneToken> token = OneToken::Open(config, clock);
  if (!token.ok()) {
    log::Warning("the token does not answer: it cannot verify the backup",
                 {{"error", token.status()}});
    return std::optional<Manifest>();
  }
  SR_ASSIGN_OR_RETURN(const auto pairs, keyring::SigningPairsOn(**token));
  if (pairs.empty()) return std::optional<Manifest>();
  Status refused;
  for (const auto& [installation, pair] : pairs) {
    StatusOr<Manifest> manifest = OpenManifest(envelope, pair.spki);
    if (!manifest.ok()) {
      refused = manifest.status();
    } else if (manifest->store.installation_id != installation) {
      refused =
          Error(Reason::kNotAuthentic,
                "the backup of installation " +
                    manifest->store.installation_id.ToString() +
                    " is signed by the key of " + installation.ToString());
    } else {
      return std::optional<Manifest>(*std::move(manifest));
    }
  }
  return refused;
}

StatusOr<Manifest> Authenticate(const Config& config,
                                const RestoreOptions& options,
                                const Clock& clock, bool* by_token) {
  SR_ASSIGN_OR_RETURN(const std::string envelope, ReadEnvelope(options.file));
  std::optional<Manifest> manifest;
  if (!options.public_key_file.empty()) {
    SR_ASSIGN_OR_RETURN(const Bytes spki,
                        ReadPublicKey(options.public_key_file));
    SR_ASSIGN_OR_RETURN(manifest, OpenManifest(envelope, spki));
  }
  SR_ASSIGN_OR_RETURN(const std::optional<Manifest> tokens,
                      AskToken(config, clock, envelope));
  *by_token = tokens.has_value();
  if (tokens) manifest = tokens;
  if (manifest) return *std::move(manifest);
  return Error(Reason::kSigningKeyMissing,
               "nothing here can verify " + options.file +
                   ": the token does not answer, or has no signing key; give "
                   "the public key that was kept (--public-key FILE)");
}

Status CheckPlace(const store::StorePlace& place, const Manifest& manifest,
                  bool force) {
  if (!place.occupied() || force) return OkStatus();
  std::string what = "one that cannot be read";
  const StatusOr<store::StoreFacts> there =
      store::InspectSqliteStore(place.path());
  if (there.ok()) {
    what = there->installation_id != manifest.store.installation_id
               ? "the store of another installation, " +
                     there->installation_id.ToString()
               : "at change " + std::to_string(there->change_seq) +
                     "; the backup is at change " +
                     std::to_string(manifest.store.change_seq);
  }
  return Error(Reason::kConflict,
               "there is a store at " + place.path() + ", " + what +
                   "; nothing was changed: move it away, or use --force, which "
                   "keeps it beside the restored one");
}

Status CheckFacts(const store::StoreFacts& found, const Manifest& manifest) {
  if (found == manifest.store) return OkStatus();
  return Error(Reason::kStoreCorrupt,
               "the backup's database does not say what its manifest says; use "
               "another backup");
}

// The lines of the audit log that shred a DEK which this store still has.
Status FindReturned(const std::string& audit, const std::string& store,
                    const std::string& since, RestoreReport* report) {
  std::ifstream lines(audit);
  if (!lines) {
    report->audit_gap = "the audit log " + audit + " cannot be read";
    return OkStatus();
  }
  std::string first;
  std::vector<Returned> shredded;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) continue;
    const auto text = [&](const char* name) {
      const auto found = json.find(name);
      return found != json.end() && found->is_string()
                 ? found->get<std::string>()
                 : std::string();
    };
    const std::string time = text("time");
    if (first.empty()) first = time;
    if (time >= since && text("operation") == "ShredDek" &&
        text("outcome") == "OK") {
      shredded.push_back({text("key"), text("detail")});
    }
  }
  if (first.empty() || first > since) {
    report->audit_gap = "the audit log " + audit +
                        " begins after the backup was made: look through the "
                        "older ones for ShredDek";
  }
  return store::ReadSqliteStore(
      store, [&](store::ReadTransaction& t) -> Status {
        for (Returned& one : shredded) {
          const auto id = store::DekId::Parse(one.dek_id);
          if (!id.ok()) continue;
          SR_ASSIGN_OR_RETURN(const auto dek, t.deks().GetDek(*id));
          if (dek) report->returned.push_back(std::move(one));
        }
        return OkStatus();
      });
}

Status Record(const Config& config, const Clock& clock,
              std::string_view operation, std::string_view detail) {
  SR_ASSIGN_OR_RETURN(auto log,
                      audit::OpenAuditLog(config.audit_path, NullMetrics()));
  audit::Record record;
  record.time = clock.Now();
  record.operation = operation;
  record.outcome = "OK";
  record.detail = detail;
  return log->Append(record, audit::Durability::kDurable);
}

}  // namespace

StatusOr<Manifest> CreateBackup(const Config& config, const std::string& out,
                                const Clock& clock) {
  // Also what an earlier call left that died.
  const Removed copy(out + ".copy");
  if (Exists(out)) {
    return Error(Reason::kArgumentInvalid,
                 out + " exists; want a new file for each backup");
  }
  Manifest manifest;
  manifest.created = FormatTime(clock.Now());
  manifest.program = kVersion;
  SR_RETURN_IF_ERROR(store::CopySqliteStore(config.store_path, copy.path()));
  CrashPoint("backup/copied");
  SR_ASSIGN_OR_RETURN(manifest.store, store::InspectSqliteStore(copy.path()));
  SR_ASSIGN_OR_RETURN(const SigningPair pair, PairOf(copy.path()));
  SR_ASSIGN_OR_RETURN(const FileDigest digest, DigestFile(copy.path()));
  manifest.size = digest.size;
  manifest.sha256 = digest.sha256;
  const std::string json = ManifestToJson(manifest);
  SR_ASSIGN_OR_RETURN(const OneToken token, OneToken::Open(config, clock));
  SR_ASSIGN_OR_RETURN(
      const std::string envelope,
      keyring::SignWith(*token, pair, kBackupType, AsBytes(json)));
  CrashPoint("backup/signed");
  SR_RETURN_IF_ERROR(WriteBackup(out, envelope, copy.path()));
  return manifest;
}

StatusOr<Manifest> VerifyBackup(const std::string& file,
                                const std::string& public_key_file) {
  SR_ASSIGN_OR_RETURN(const Bytes spki, ReadPublicKey(public_key_file));
  SR_ASSIGN_OR_RETURN(const std::string envelope, ReadEnvelope(file));
  SR_ASSIGN_OR_RETURN(Manifest manifest, OpenManifest(envelope, spki));
  SR_RETURN_IF_ERROR(ExtractDatabase(file, manifest, ""));
  return manifest;
}

StatusOr<RestoreReport> RestoreBackup(const Config& config,
                                      const RestoreOptions& options,
                                      const Clock& clock) {
  RestoreReport report;
  SR_ASSIGN_OR_RETURN(const auto place,
                      store::StorePlace::Take(config.store_path));
  SR_ASSIGN_OR_RETURN(report.manifest,
                      Authenticate(config, options, clock, &report.by_token));
  SR_RETURN_IF_ERROR(CheckPlace(*place, report.manifest, options.force));
  const Removed fresh(place->path() + ".restoring");
  SR_RETURN_IF_ERROR(
      ExtractDatabase(options.file, report.manifest, fresh.path()));
  CrashPoint("restore/extracted");
  SR_ASSIGN_OR_RETURN(const store::StoreFacts facts,
                      store::InspectSqliteStore(fresh.path()));
  SR_RETURN_IF_ERROR(CheckFacts(facts, report.manifest));
  SR_RETURN_IF_ERROR(
      store::EditSqliteStore(fresh.path(), &keyring::MarkOldCopy));
  CrashPoint("restore/edited");
  SR_RETURN_IF_ERROR(FindReturned(config.audit_path, fresh.path(),
                                  report.manifest.created, &report));
  // Before it happens: what was restored is never without a record of it.
  SR_RETURN_IF_ERROR(Record(config, clock, "store.restore",
                            "to the backup of " + report.manifest.created));
  SR_ASSIGN_OR_RETURN(report.kept, place->Put(fresh.path(), clock.Now()));
  return report;
}

}  // namespace strongroom::server
