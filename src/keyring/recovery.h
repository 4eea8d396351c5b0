// Recovery: brings to an end what a crash or a failure left unfinished.
#pragma once

#include <map>
#include <optional>

#include "keyring/destructions.h"
#include "keyring/maker.h"
#include "keyring/parts.h"

namespace strongroom::keyring {

class Recovery {
 public:
  Recovery(const KeyringParts& parts, Maker& maker, Destructions& destructions)
      : parts_(parts), maker_(maker), destructions_(destructions) {}

  // SettleAtStart settles what a start found unfinished; what cannot be settled
  // now is logged and left to Retry.
  void SettleAtStart(const Turn& turn, const std::vector<KeyRows>& rows,
                     const std::vector<store::RemovedRow>& removed,
                     const Inventory& inventory, RecoveryReport* report);
  // AfterFailure takes back what a failed change of a key left, now if that
  // works, and else by Retry.
  void AfterFailure(const Turn& turn, const Uuid& id);
  // BeforeRotation finishes or takes back a version left unfinished, so that
  // versions become primary in the order of their numbers.
  Status BeforeRotation(const Turn& turn, const Uuid& id);
  // BeforeCreation settles an unfinished creation that holds the name of a new
  // key: one that failed here is taken back, as nobody has that key; a row that
  // was found at the start may be an old copy's and its KEK in use since, so
  // such a key is finished.
  Status BeforeCreation(const Turn& turn, const Uuid& unfinished);
  // Retry tries again what is due to be tried.
  void Retry(const Turn& turn);
  bool HasUnsettled(const Turn&) const { return !unsettled_.empty(); }

 private:
  // Rows that a failure left unfinished, or whose published form may be old.
  struct Unsettled {
    bool finish = false;  // else PENDING versions are taken back
    SteadyTime not_before{};
  };

  // Settle brings what is unfinished in a key's rows to an end, and publishes
  // them as they are then. With an inventory, a PENDING version whose KEK is
  // there is finished; without one it is taken back.
  Status Settle(const Turn& turn, const Uuid& id, const Inventory* inventory,
                RecoveryReport* report);
  // These take the lease along and free it with their last transaction.
  Status SettleVersion(const Turn& turn, const store::Lease& lease,
                       const store::VersionRow& row, const Inventory* inventory,
                       RecoveryReport* report);
  // TakeBack gives a PENDING version up for ever, and destroys its KEK then.
  Status TakeBack(const Turn& turn, const store::Lease& lease,
                  const store::VersionRow& row);
  // Sweep destroys the KEKs of versions that were given up, as a call that hung
  // in the token may have made one since.
  Status Sweep(const Turn& turn, const std::vector<store::RemovedRow>& removed,
               const Inventory& inventory);
  void SweepIfDue(const Turn& turn);
  Status Resume(const Turn& turn, const store::Lease& lease,
                const store::VersionRow& row);

  const KeyringParts& parts_;
  Maker& maker_;
  Destructions& destructions_;
  std::map<Uuid, Unsettled> unsettled_;  // under a Turn, both
  std::optional<SteadyTime> next_sweep_;
};

}  // namespace strongroom::keyring
