// Maker: makes a KEK, crash-safe at every step: PENDING row, object on the
// token, known answer, then ENABLED and primary in one transaction.
#pragma once

#include <functional>
#include <map>

#include "keyring/parts.h"

namespace strongroom::keyring {

// MakeSteps names the crash points of making a version, in order.
struct MakeSteps {
  const char* begin;
  const char* pending;       // the row is stored
  const char* object;        // the KEK is on the token
  const char* known_answer;  // and has sealed
  const char* enabled;       // and is the primary, stored
  const char* published;
};

// Making is a version in the making: its row is stored, under a lease, and
// `left` of its reserved seals are still to be used.
struct Making {
  store::Lease lease;
  store::VersionRow row;
  uint64_t left = 0;
};

class Maker {
 public:
  Maker(const KeyringParts& parts, Metrics& metrics);

  // StorePending stores the PENDING row and takes the key's lease. `begin` is
  // the part of the transaction that differs; it gives the version's number.
  // `refused` says of a failure that nothing was stored: a commit that failed
  // may have reached the disk all the same.
  using Begin = std::function<StatusOr<uint32_t>(store::Transaction&)>;
  StatusOr<Making> StorePending(const Turn& turn, const Uuid& key_id,
                                const Begin& begin, bool* refused);
  // Finish takes the steps after the KEK is on the token, frees the lease and
  // publishes.
  Status Finish(const Turn& turn, Making making, const MakeSteps& steps);

  // HighestOnToken is the highest number of a version that the token has shown,
  // or 0: the token may know more versions than an old copy of the store.
  uint32_t HighestOnToken(const Turn& turn, const Uuid& key_id) const;
  void NoteInventory(const Turn& turn, const Inventory& inventory);
  // NoteOnToken: an object of this version may be on the token for ever.
  void NoteOnToken(const Turn& turn, const Uuid& key_id, uint32_t version);

 private:
  StatusOr<KeyRows> StoreEnabled(const Making& making);

  const KeyringParts& parts_;
  Counter& rotations_;
  std::map<Uuid, uint32_t> highest_;  // under a Turn
};

}  // namespace strongroom::keyring
