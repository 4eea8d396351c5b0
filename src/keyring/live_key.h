// LiveKey: a published key with what only the keyring may see of it.
#pragma once

#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

#include "keyring/seal_ledger.h"
#include "strongroom/keyring/snapshot.h"

namespace strongroom::keyring {

// LiveVersion is what a version has beside its immutable description. It is
// one object from its first publication on, whatever is published after.
struct LiveVersion {
  LiveVersion(uint64_t reserved, uint64_t left, bool kek_on_token)
      : ledger(reserved, left), on_token(kek_on_token) {}
  SealLedger ledger;
  // Wraps that are not registered: only what is left of them matters here.
  SealLedger issued{0, 0};
  // When it last issued one, and was last opened for a caller, in this process:
  // EncodeTime, 0 for never. Dirty: not stored yet.
  std::atomic<int64_t> last_issued{0};
  std::atomic<int64_t> last_opened{0};
  std::atomic<bool> use_dirty{false};
  const bool on_token;
  // A copy for each open that has begun: its use_count says how many.
  const std::shared_ptr<const int> use = std::make_shared<const int>();
};

struct LiveKey {
  std::shared_ptr<const Key> key;
  std::vector<std::shared_ptr<LiveVersion>> versions;  // as key->versions

  // nullptr if there is no such version.
  LiveVersion* Find(uint32_t number) const;
};

// View is a snapshot with what only the keyring may see of it.
struct View {
  std::shared_ptr<const Snapshot> snapshot = std::make_shared<Snapshot>();
  std::unordered_map<Uuid, std::shared_ptr<const LiveKey>> keys;

  const LiveKey* Find(const Uuid& id) const;
};

}  // namespace strongroom::keyring
