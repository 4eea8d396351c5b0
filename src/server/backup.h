// strongroomd backup ..., strongroomd recover: what an operator does on the
// service's machine when the store is to be kept, or is lost.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/backup_file.h"
#include "server/config.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/status.h"
#include "strongroom/keyring/rebuild.h"

namespace strongroom::server {

// CreateBackup writes a signed copy of the store to `out`, which must not
// exist; the service may be running. SIGNING_KEY_MISSING if the installation
// has no signing key yet. STORE_*, HSM_*, FILE_UNREADABLE.
StatusOr<Manifest> CreateBackup(const Config& config, const std::string& out,
                                const Clock& clock);

// VerifyBackup checks a backup with a public key in PEM, without store and
// token. NOT_AUTHENTIC, MALFORMED, FILE_UNREADABLE.
StatusOr<Manifest> VerifyBackup(const std::string& file,
                                const std::string& public_key_file);

struct RestoreOptions {
  std::string file;
  std::string public_key_file;  // may be empty: the token's pair decides alone
  bool force = false;           // replace the store that is there
};
// A DEK that was shredded after the backup was made.
struct Returned {
  std::string key;
  std::string dek_id;
};
struct RestoreReport {
  Manifest manifest;
  std::string kept;       // the store that was there, renamed; or ""
  bool by_token = false;  // the token's pair verified it too
  std::vector<Returned> returned;
  // Why `returned` may not be all; or "".
  std::string audit_gap;
};
// RestoreBackup puts a backup in the store's place, at once: verified with the
// token's pair if the token answers, and with the public key if one is given.
// No version in it seals any more, no scheduled destruction is carried out.
// STORE_LOCKED while a service runs; CONFLICT if there is a store and not
// `force`; SIGNING_KEY_MISSING if nothing can verify it; NOT_AUTHENTIC,
// STORE_SCHEMA_NEWER.
StatusOr<RestoreReport> RestoreBackup(const Config& config,
                                      const RestoreOptions& options,
                                      const Clock& clock);

struct RecoverOptions {
  std::optional<Uuid> installation;  // if the token has KEKs of several
  std::string names_file;            // lines of "<key uuid> <name>"; or ""
};
struct RecoverReport {
  Uuid installation;
  bool made_store = false;
  keyring::RebuildReport rebuilt;
};
// Recover adds to the store, or to a new one, what only the token knows
// (keyring/rebuild.h). STORE_LOCKED while a service runs; KEY_NOT_FOUND if the
// token has no KEK of ours; CONFLICT if it has those of several installations
// and none was named.
StatusOr<RecoverReport> Recover(const Config& config,
                                const RecoverOptions& options,
                                const Clock& clock);

}  // namespace strongroom::server
