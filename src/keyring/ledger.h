// Ledger: counts the seals of every KEK, in blocks that the store has reserved
// ahead of use (docs/formats.md: SP 800-38D bounds them).
#pragma once

#include "keyring/parts.h"

namespace strongroom::keyring {

// Thread-safe.
class Ledger {
 public:
  Ledger(const KeyringParts& parts, Metrics& metrics);

  // Reserve gets the next block for a version whose block is used up; once in
  // `ledger_block` seals a caller waits here for the disk.
  // SEAL_LIMIT_REACHED, VERSION_STATE, STORE_*.
  Status Reserve(const Uuid& key_id, const Version& version, LiveVersion& live);
  // TopUp reserves the next block of every primary that is in use and has less
  // than half a block left, all in one transaction.
  void TopUp();
  // Show sets the gauge of the most used primary.
  void Show() const;
  // SealsCounted is an upper bound; 0 for a version that is not published.
  uint64_t SealsCounted(const Uuid& key_id, uint32_t version) const;

 private:
  const KeyringParts& parts_;
  Counter& reservations_;
  Gauge& highest_share_;
};

}  // namespace strongroom::keyring
