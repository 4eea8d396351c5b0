// Startup: compares store and token, publishes the first snapshot, and finds
// out whether the store may be an old copy.
#pragma once

#include <optional>
#include <vector>

#include "keyring/grace.h"
#include "keyring/maker.h"
#include "keyring/parts.h"
#include "keyring/recovery.h"

namespace strongroom::keyring {

class Startup {
 public:
  Startup(const KeyringParts& parts, Maker& maker, Recovery& recovery,
          Grace& grace)
      : parts_(parts), maker_(maker), recovery_(recovery), grace_(grace) {}

  // Run is Keyring::Start.
  StatusOr<RecoveryReport> Run();

 private:
  Status PublishFirst(const std::vector<KeyRows>& rows,
                      const Inventory& inventory, RecoveryReport* report);
  // LookForUnknown: objects of this installation that the store does not know
  // are newer than the store, so it was restored from a copy. A destruction
  // that it schedules may have been cancelled since.
  void LookForUnknown(const std::vector<KeyRows>& rows,
                      const std::vector<store::RemovedRow>& removed,
                      const Inventory& inventory, RecoveryReport* report) const;
  // HoldDestructions marks what an old copy of the store must not destroy.
  Status HoldDestructions(std::optional<uint64_t> watermark,
                          bool unknown_objects, RecoveryReport* report);

  const KeyringParts& parts_;
  Maker& maker_;
  Recovery& recovery_;
  Grace& grace_;
};

}  // namespace strongroom::keyring
