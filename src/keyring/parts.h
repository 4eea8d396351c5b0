// KeyringParts: what every part of the keyring works on, and Turn, the right to
// change it.
#pragma once

#include <algorithm>
#include <string>

#include "keyring/catalogue.h"
#include "keyring/kek_token.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"
#include "strongroom/keyring/keyring.h"

namespace strongroom::keyring {

// Turn: changes of the keyring are made one at a time, token and disk included.
// A function that takes a Turn runs inside such a change; what it guards says
// "under a Turn". Readers and the engine never wait for one.
class Turns;
class Turn {
 public:
  explicit Turn(Turns& turns);

 private:
  MutexLock lock_;
};
class Turns {
 private:
  friend class Turn;
  Mutex mutex_;
};
inline Turn::Turn(Turns& turns) : lock_(turns.mutex_) {}

// Outlives every part.
struct KeyringParts {
  store::Store& store;
  const Clock& clock;
  const KeyringOptions& options;
  const KekToken& token;
  Catalogue& catalogue;
  Turns& turns;

  // TakeLease takes the lease of a key's changes; CONFLICT.
  StatusOr<store::Lease> TakeLease(store::Transaction& transaction,
                                   const Uuid& key_id) const {
    return transaction.TakeLease("key/" + key_id.ToString(), kLeaseTime);
  }
  void EndWindows(const Uuid& id) const {
    if (options.end_windows) options.end_windows(id);
  }
  // Tell puts an event into the audit log, durably.
  Status Tell(const Event& event) const {
    return options.record ? options.record(event) : OkStatus();
  }

  // NewReservation is a block of the ledger: seals reserved at a time.
  uint64_t NewReservation() const {
    return std::max<uint64_t>(options.ledger_block, 1);
  }

  // Longer than a device takes to make or destroy a KEK.
  static constexpr std::chrono::seconds kLeaseTime{60};
};

}  // namespace strongroom::keyring
