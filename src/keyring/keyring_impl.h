// KeyringImpl. Its parts: uses.cc (what the engine asks, the ledger),
// version_use.cc (what versions issue), make_version.cc (create and rotate),
// changes.cc (update and move), recovery.cc (Start, and what failures left),
// due.cc and retire.cc (time), keyring.cc.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "keyring/dependents.h"
#include "keyring/kek_token.h"
#include "keyring/live_keys.h"
#include "strongroom/base/mutex.h"
#include "strongroom/keyring/keyring.h"

namespace strongroom::keyring {

// The crash points of making a version, in order.
struct MakeSteps {
  const char* begin;
  const char* pending;       // the row is stored
  const char* object;        // the KEK is on the token
  const char* known_answer;  // and has sealed
  const char* enabled;       // and is the primary, stored
  const char* published;
};

class KeyringImpl final : public Keyring {
 public:
  KeyringImpl(store::Store& store, hsm::Device& device, const Clock& clock,
              Metrics& metrics, KeyringOptions options);

  StatusOr<batching::KekRef> Primary(const Uuid& key_id) override;
  StatusOr<batching::KekRef> ForSeal(const Uuid& key_id) override;
  StatusOr<batching::KekRef> ForOpen(const Uuid& key_id,
                                     uint32_t version) override;
  bool SealIsCurrent(const batching::KekRef& kek) override;

  StatusOr<RecoveryReport> Start() override SR_EXCLUDES(changes_);
  std::shared_ptr<const Snapshot> Current() const override;
  StatusOr<std::shared_ptr<const Key>> CreateKey(const NewKey& key) override
      SR_EXCLUDES(changes_);
  StatusOr<std::shared_ptr<const Key>> UpdateKey(
      const Uuid& id, const KeyChange& change) override SR_EXCLUDES(changes_);
  StatusOr<std::shared_ptr<const Key>> Rotate(const Uuid& id) override
      SR_EXCLUDES(changes_);
  using Keyring::Move;
  StatusOr<std::shared_ptr<const Key>> Move(const Uuid& id, uint32_t version,
                                            VersionMove move,
                                            bool acknowledged) override
      SR_EXCLUDES(changes_);
  Status CountIssued(const Uuid& key_id, uint32_t version,
                     uint64_t wraps) override;
  void NoteOpened(const Uuid& key_id, uint32_t version) override;
  StatusOr<std::vector<Traces>> TracesOf(const Uuid& key_id) override;
  void Close() override;
  uint64_t SealsCounted(const Uuid& key_id, uint32_t version) const override;
  WallTime RunDue() override SR_EXCLUDES(changes_);
  StatusOr<std::vector<OwnedObject>> DescribeObjects() override;
  SigningKey& signing() override { return signing_; }

 private:
  using KeyResult = StatusOr<std::shared_ptr<const Key>>;

  // A version in the making: its row is stored, under a lease, and `left` of
  // its reserved seals are still to be used.
  struct Making {
    store::Lease lease;
    store::VersionRow row;
    uint64_t left = 0;
  };
  // Rows that a failure left unfinished, or whose published form may be old.
  struct Unsettled {
    bool finish = false;  // else PENDING versions are taken back
    SteadyTime not_before{};
  };

  // make_version.cc
  // RotateIf is CONFLICT if the primary is not the expected one any more.
  KeyResult RotateIf(const Uuid& id, std::optional<uint32_t> expected_primary)
      SR_EXCLUDES(changes_);
  Status SettleBeforeRotation(const Uuid& id) SR_REQUIRES(changes_);
  // MakeVersion runs all steps. `begin` is the part of the first transaction
  // that differs; it gives the number of the new version.
  KeyResult MakeVersion(
      const Uuid& key_id, const MakeSteps& steps,
      const std::function<StatusOr<uint32_t>(store::Transaction&)>& begin)
      SR_REQUIRES(changes_);
  StatusOr<Making> StorePending(
      const Uuid& key_id,
      const std::function<StatusOr<uint32_t>(store::Transaction&)>& begin)
      SR_REQUIRES(changes_);
  // FinishVersion takes the steps after the KEK is on the token, and frees the
  // lease.
  Status FinishVersion(Making making, const MakeSteps& steps)
      SR_REQUIRES(changes_);
  StatusOr<KeyRows> StoreEnabled(const Making& making) SR_REQUIRES(changes_);

  // changes.cc
  // ChangeRows runs `change` on a key's rows in one transaction and publishes
  // what is stored then.
  KeyResult ChangeRows(
      const Uuid& id,
      const std::function<Status(store::Transaction&, KeyRows&)>& change)
      SR_REQUIRES(changes_);
  Status Publish(std::vector<KeyRows> rows) SR_REQUIRES(changes_);
  KeyResult Published(const Uuid& id) const;
  // AwaitUses waits until no open under the version runs.
  Status AwaitUses(const Uuid& id, uint32_t version) const;
  void EndWindows(const Uuid& id) const;
  StatusOr<store::Lease> TakeLease(store::Transaction& transaction,
                                   const Uuid& key_id) const;

  // recovery.cc
  StatusOr<std::vector<KeyRows>> ReadAllRows();
  Status PublishAtStart(const std::vector<KeyRows>& rows,
                        const Inventory& inventory, RecoveryReport* report)
      SR_REQUIRES(changes_);
  void LookForUnknown(const std::vector<KeyRows>& rows,
                      const Inventory& inventory, RecoveryReport* report)
      SR_REQUIRES(changes_);
  // HoldDestructions marks what an old copy of the store must not destroy.
  Status HoldDestructions(std::optional<uint64_t> watermark,
                          bool unknown_objects, RecoveryReport* report)
      SR_REQUIRES(changes_);
  void StartGrace() SR_REQUIRES(changes_);
  // Settle brings what is unfinished in a key's rows to an end, and publishes
  // them as they are then. With an inventory, a PENDING version whose KEK is
  // there is finished; without one it is taken back.
  Status Settle(const Uuid& id, const Inventory* inventory,
                RecoveryReport* report) SR_REQUIRES(changes_);
  Status SettleVersion(const store::Lease& lease, const store::VersionRow& row,
                       const Inventory* inventory, RecoveryReport* report)
      SR_REQUIRES(changes_);
  // These three take the lease along and free it with their last transaction.
  Status TakeBack(const store::Lease& lease, const store::VersionRow& row)
      SR_REQUIRES(changes_);
  Status Resume(const store::Lease& lease, const store::VersionRow& row)
      SR_REQUIRES(changes_);
  Status Destroy(const store::Lease& lease, const store::VersionRow& row)
      SR_REQUIRES(changes_);
  // ProveToken: is this the token with the key's KEKs? Its primary tells.
  Status ProveToken(const KeyRows& rows) const;
  // SettleAfterFailure settles now if that works, and else leaves it to RunDue.
  void SettleAfterFailure(const Uuid& id) SR_REQUIRES(changes_);
  void RetryUnsettled() SR_REQUIRES(changes_);

  // due.cc
  // ReanchorTimers mends rotation times that a clock set back has put further
  // away than a period.
  void ReanchorTimers(WallTime now) SR_REQUIRES(changes_);
  void RotateOneDue(WallTime now) SR_EXCLUDES(changes_);
  void DestroyOneDue(WallTime now) SR_EXCLUDES(changes_);
  bool MayDestroy(const Key& key, const Version& version) const
      SR_REQUIRES(changes_);
  Status Tell(const Event& event) const;
  Status BeginDestruction(const Uuid& id, uint32_t version, WallTime now)
      SR_REQUIRES(changes_);
  bool MayTryNow(const Uuid& id) const SR_REQUIRES(changes_);
  void TryLater(const Uuid& id) SR_REQUIRES(changes_);
  WallTime NextDue(WallTime now) SR_EXCLUDES(changes_);

  // retire.cc
  void RetireOneDue(WallTime now) SR_EXCLUDES(changes_);
  Status RetireVersion(const Key& key, uint32_t number, WallTime now)
      SR_EXCLUDES(changes_);
  Status RetireRow(store::Transaction& t, const KeyRows& rows, uint32_t number,
                   WallTime now);

  // version_use.cc
  Status ReserveIssues(const Uuid& key_id, uint32_t number, LiveVersion& live,
                       uint64_t wraps);
  LiveTraces LiveTracesOf(const Uuid& key_id, uint32_t number) const;
  void FlushUsesNowAndThen();
  Status StoreUses(bool give_back);

  // uses.cc
  uint64_t NewReservation() const;
  Status Reserve(const Uuid& key_id, const Version& version, LiveVersion& live);
  void TopUpLedgers();
  void ShowLedgers() const;

  store::Store& store_;
  hsm::Device& device_;
  const Clock& clock_;
  const KeyringOptions options_;
  const KekToken token_;
  SigningKey signing_;
  // Names this process in leases.
  const std::string holder_ = Uuid::Random().ToString();
  Counter& rotations_;
  Counter& reservations_;
  Gauge& ledger_share_;
  LiveKeys live_;

  // The queue of changes: held from a change's first step to its last, token
  // and disk included. Readers and the engine never take it.
  Mutex changes_;
  std::map<Uuid, uint32_t> token_highest_ SR_GUARDED_BY(changes_);
  std::map<Uuid, Unsettled> unsettled_ SR_GUARDED_BY(changes_);
  std::map<Uuid, SteadyTime> not_before_ SR_GUARDED_BY(changes_);
  std::map<std::pair<Uuid, uint32_t>, SteadyTime> retire_later_
      SR_GUARDED_BY(changes_);
  SteadyTime next_flush_{};  // RunDue's alone
  // Destructions scheduled before the start, and until when they wait.
  std::set<std::pair<Uuid, uint32_t>> in_grace_ SR_GUARDED_BY(changes_);
  SteadyTime grace_ends_ SR_GUARDED_BY(changes_){};
};

}  // namespace strongroom::keyring
