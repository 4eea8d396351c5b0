// What an answer leaves behind: wraps given out without being registered, and
// versions that were opened. Told to the keyring before the answer leaves.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "service/request.h"

namespace strongroom::service {

// CountIssued counts the items that are to be given out. If it fails they must
// not be.
Status CountIssued(keyring::Keyring& keyring, const auth::Permit& permit,
                   std::span<const model::SealedItem> items);
// The same for rewrapped items, each under its own key; and notes which
// versions they came from.
Status CountRewrapped(keyring::Keyring& keyring, const Owners& owners,
                      std::span<const model::RewrappedItem> items,
                      std::span<const Uuid> key_ids);

// OpenedVersions notes each pair of key and version once.
class OpenedVersions {
 public:
  void Add(const Uuid& key_id, uint32_t version);
  void Note(keyring::Keyring& keyring) const;

 private:
  std::vector<std::pair<Uuid, uint32_t>> versions_;
};

}  // namespace strongroom::service
