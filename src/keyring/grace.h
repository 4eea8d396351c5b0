// Grace: destructions that were scheduled before the start wait a while, so
// that an operator who restored an old copy of everything can look first.
#pragma once

#include <set>
#include <utility>

#include "keyring/parts.h"

namespace strongroom::keyring {

// Its state is under a Turn.
class Grace {
 public:
  explicit Grace(const KeyringParts& parts) : parts_(parts) {}

  // Begin takes up what is scheduled in the published snapshot.
  void Begin(const Turn& turn);
  // Forget: an operator has moved the version since.
  void Forget(const Turn& turn, const Uuid& key_id, uint32_t version);
  // MayDestroy is false while the version waits, or its destruction is held.
  bool MayDestroy(const Turn& turn, const Key& key,
                  const Version& version) const;

 private:
  const KeyringParts& parts_;
  std::set<std::pair<Uuid, uint32_t>> waiting_;
  SteadyTime ends_{};
};

}  // namespace strongroom::keyring
