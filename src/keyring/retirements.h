// Retirements: takes versions whose time is over out of use, and on to their
// destruction if nothing can depend on them.
#pragma once

#include <map>
#include <utility>

#include "keyring/changes.h"
#include "keyring/parts.h"

namespace strongroom::keyring {

class Retirements {
 public:
  Retirements(const KeyringParts& parts, Changes& changes, const Uses& uses,
              const Usage& usage)
      : parts_(parts), changes_(changes), uses_(uses), usage_(usage) {}

  // RunOne retires at most one version that is due by `now`.
  void RunOne(WallTime now);
  // Waits: the version was looked at a moment ago, and waits for its DEKs.
  bool Waits(const Turn& turn, const Uuid& key_id, uint32_t version) const;

 private:
  Status Retire(const Key& key, uint32_t number, WallTime now);
  Status RetireRow(store::Transaction& t, const KeyRows& rows, uint32_t number,
                   WallTime now);

  const KeyringParts& parts_;
  Changes& changes_;
  const Uses& uses_;
  const Usage& usage_;
  std::map<std::pair<Uuid, uint32_t>, SteadyTime> later_;  // under a Turn
};

}  // namespace strongroom::keyring
