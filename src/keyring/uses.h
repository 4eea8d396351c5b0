// Uses: which version may seal or open now, asked by the engine many times a
// second.
#pragma once

#include "keyring/ledger.h"
#include "keyring/parts.h"

namespace strongroom::keyring {

// Thread-safe. The first four are KekSource's (batching/engine.h).
class Uses {
 public:
  Uses(const KeyringParts& parts, Ledger& ledger)
      : parts_(parts), ledger_(ledger) {}

  StatusOr<batching::KekRef> Primary(const Uuid& key_id) const;
  StatusOr<batching::KekRef> ForSeal(const Uuid& key_id);
  StatusOr<batching::KekRef> ForOpen(const Uuid& key_id,
                                     uint32_t version) const;
  bool SealIsCurrent(const batching::KekRef& kek) const;

  // AwaitEnd waits until no open under the version runs; DEADLINE_EXCEEDED
  // after `use_patience`. Called when no new one can begin.
  Status AwaitEnd(const Uuid& key_id, uint32_t version) const;

 private:
  const KeyringParts& parts_;
  Ledger& ledger_;
};

}  // namespace strongroom::keyring
