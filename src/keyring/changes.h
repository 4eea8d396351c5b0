// Changes: what operators do to keys and versions, one at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "keyring/grace.h"
#include "keyring/maker.h"
#include "keyring/parts.h"
#include "keyring/recovery.h"
#include "keyring/usage.h"
#include "keyring/uses.h"

namespace strongroom::keyring {

// Thread-safe. The promises of the first four are Keyring's.
class Changes {
 public:
  using KeyResult = StatusOr<std::shared_ptr<const Key>>;

  Changes(const KeyringParts& parts, Maker& maker, Recovery& recovery,
          const Uses& uses, const Usage& usage, Grace& grace)
      : parts_(parts),
        maker_(maker),
        recovery_(recovery),
        uses_(uses),
        usage_(usage),
        grace_(grace) {}

  KeyResult Create(const NewKey& key);
  KeyResult Update(const Uuid& id, const KeyChange& change);
  KeyResult Move(const Uuid& id, uint32_t version, VersionMove move,
                 bool acknowledged);
  // Rotate is CONFLICT if the primary is not the expected one any more.
  KeyResult Rotate(const Uuid& id, std::optional<uint32_t> expected_primary);

  // ChangeRows runs `change` on a key's rows in one transaction and publishes
  // what is stored then.
  KeyResult ChangeRows(
      const Turn& turn, const Uuid& id,
      const std::function<Status(store::Transaction&, KeyRows&)>& change);

 private:
  // MakeVersion runs all steps.
  KeyResult MakeVersion(const Turn& turn, const Uuid& key_id,
                        const MakeSteps& steps, const Maker::Begin& begin);

  const KeyringParts& parts_;
  Maker& maker_;
  Recovery& recovery_;
  const Uses& uses_;
  const Usage& usage_;
  Grace& grace_;
};

}  // namespace strongroom::keyring
