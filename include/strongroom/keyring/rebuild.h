// Rebuild: keys and versions from what is on the token, for a store that is
// lost or an old copy.
//
// A KEK's label says whose it is, of which key and which version: enough to
// open what was wrapped under it. Names, policies, states and registered DEKs
// are not on the token. How often a KEK has sealed is not either: therefore no
// version that was there before a restore or a rebuild ever seals again, and
// the service rotates each key at its first start after it.
// Both functions are for one process that has the store alone. Both block.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "strongroom/hsm/device.h"
#include "strongroom/store/store.h"

namespace strongroom::keyring {

// InstallationsOn gives how many KEKs each installation has on the token.
StatusOr<std::map<Uuid, int>> InstallationsOn(hsm::Device& device);

// MarkOldCopy makes a store of the past safe to go on with: what was sealed,
// issued without registration, or cancelled since is not known. The ledger of
// every version is raised to where it refuses, every version counts as one that
// may have issued anything, no key as one that always demanded registration,
// and every scheduled destruction that has not begun is held back.
Status MarkOldCopy(store::Transaction& t);

struct RebuiltVersion {
  std::string key;
  uint32_t version = 0;
};
struct RebuildReport {
  std::vector<RebuiltVersion> added;
  int keys_made = 0;
  bool signing_key = false;  // the pair on the token was taken up
  // Objects that were left alone, and why: sentences for the operator.
  std::vector<std::string> left;
};

// Rebuild adds the versions that are on the token, with a label of the store's
// installation, and not in the store: ENABLED, each proved by a new known
// answer. A key without a row is made, named as `names` says or
// "recovered/<uuid>", its highest version the primary. All in one transaction,
// MarkOldCopy included; nothing is changed if there is nothing to add.
// KEY_EXISTS if a name is taken, NAME_INVALID is the caller's business;
// STORE_*, HSM_*.
StatusOr<RebuildReport> Rebuild(store::Store& store, hsm::Device& device,
                                const Clock& clock,
                                const std::map<Uuid, KeyName>& names);

}  // namespace strongroom::keyring
