// Calendar: does what time, or the number of seals, asks for.
#pragma once

#include <map>

#include "keyring/changes.h"
#include "keyring/destructions.h"
#include "keyring/grace.h"
#include "keyring/ledger.h"
#include "keyring/recovery.h"
#include "keyring/retirements.h"
#include "keyring/usage.h"

namespace strongroom::keyring {

class Calendar {
 public:
  struct Hands {
    Changes& changes;
    Recovery& recovery;
    Destructions& destructions;
    Retirements& retirements;
    Grace& grace;
    Ledger& ledger;
    Usage& usage;
  };
  Calendar(const KeyringParts& parts, const Hands& hands)
      : parts_(parts), hands_(hands) {}

  // RunDue is Keyring::RunDue.
  WallTime RunDue();

 private:
  // ReanchorTimers mends rotation times that a clock set back has put further
  // away than a period.
  void ReanchorTimers(const Turn& turn, WallTime now);
  void RotateOne(WallTime now);
  void DestroyOne(WallTime now);
  bool MayTryNow(const Turn& turn, const Uuid& id) const;
  void TryLater(const Turn& turn, const Uuid& id);
  WallTime NextDue(WallTime now);

  const KeyringParts& parts_;
  const Hands hands_;
  std::map<Uuid, SteadyTime> not_before_;  // under a Turn
};

}  // namespace strongroom::keyring
