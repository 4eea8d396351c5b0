// Destructions: takes KEKs off the token, under a mark in the store.
#pragma once

#include "keyring/parts.h"

namespace strongroom::keyring {

class Destructions {
 public:
  explicit Destructions(const KeyringParts& parts) : parts_(parts) {}

  // Begin carries out a scheduled destruction that is due by `now`. The mark
  // makes it final: from then on the object may be gone, and nobody may cancel
  // any more. CONFLICT if it is not due any more, DEKS_OUTSTANDING, HSM_*,
  // STORE_*.
  Status Begin(const Turn& turn, const Uuid& key_id, uint32_t version,
               WallTime now);
  // Finish takes a marked version from the mark to DESTROYED, and frees the
  // lease.
  Status Finish(const Turn& turn, const store::Lease& lease,
                const store::VersionRow& marked);

 private:
  // ProveToken: is this the token with the key's KEKs? Its primary tells.
  Status ProveToken(const KeyRows& rows) const;

  const KeyringParts& parts_;
};

}  // namespace strongroom::keyring
