#include "keyring/ledger.h"

#include <algorithm>
#include <vector>

#include "strongroom/base/log.h"

namespace strongroom::keyring {
namespace {

Status LimitReached(const std::string& name) {
  return Error(Reason::kSealLimitReached,
               name +
                   " has made its 2^31 seals, the most for one KEK; rotate "
                   "the key");
}

}  // namespace

Ledger::Ledger(const KeyringParts& parts, Metrics& metrics)
    : parts_(parts),
      reservations_(
          metrics.GetCounter("strongroom_seal_ledger_reservations_total",
                             "Blocks of seals reserved in the store.")),
      highest_share_(metrics.GetGauge(
          "strongroom_seal_ledger_highest_share",
          "Seals counted under the most used primary version, of the bound at "
          "which it refuses; a version is rotated at 0.5.")) {}

uint64_t Ledger::SealsCounted(const Uuid& key_id, uint32_t version) const {
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  const LiveKey* live = view->Find(key_id);
  const LiveVersion* found = live == nullptr ? nullptr : live->Find(version);
  return found == nullptr ? 0 : found->ledger.Counted();
}

// Once in `ledger_block` seals, one caller waits here for the disk, and those
// of the same key behind it; TopUpLedgers makes that rarer still.
Status Ledger::Reserve(const Uuid& key_id, const Version& version,
                       LiveVersion& live) {
  MutexLock lock(live.ledger.reserving());
  if (live.ledger.left() > 0) return OkStatus();
  const std::string name =
      "key " + key_id.ToString() + " v" + std::to_string(version.number);
  // A key at its limit must not cost a transaction for each refusal.
  if (live.ledger.total() >= kRefuseAtSeals) return LimitReached(name);
  uint64_t total = 0;
  uint64_t granted = 0;
  const Status status =
      parts_.store.Update([&](store::Transaction& t) -> Status {
        SR_ASSIGN_OR_RETURN(const KeyRows rows, ReadRows(t, key_id));
        const store::VersionRow* stored = rows.Find(version.number);
        if (stored == nullptr || stored->kek_id != version.kek_id ||
            stored->state != VersionState::kEnabled) {
          return Error(Reason::kVersionState,
                       name + " is not ENABLED any more; want ENABLED to wrap");
        }
        store::VersionRow row = *stored;
        if (row.seals_reserved >= kRefuseAtSeals) return LimitReached(name);
        total = std::min(row.seals_reserved + parts_.NewReservation(),
                         kRefuseAtSeals);
        granted = total - row.seals_reserved;
        row.seals_reserved = total;
        return t.UpdateVersion(row);
      });
  if (!status.ok()) return status;
  reservations_.Add();
  live.ledger.Grant(total, granted);
  return OkStatus();
}

// One number for all keys: a label for each would be made by whoever may create
// keys. `strongroom key show` tells each version's own.
void Ledger::Show() const {
  uint64_t most = 0;
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  for (const auto& [id, key] : view->keys) {
    most = std::max(most, key->Find(key->key->primary)->ledger.Counted());
  }
  highest_share_.Set(static_cast<double>(most) /
                     static_cast<double>(kRefuseAtSeals));
}

// TopUpLedgers reserves the next block of every primary that is in use and has
// less than half a block left, all in one transaction.
void Ledger::TopUp() {
  struct TopUp {
    const LiveKey* key;
    uint64_t total = 0;
    uint64_t granted = 0;
  };
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  std::vector<TopUp> low;
  for (const auto& [id, key] : view->keys) {
    const SealLedger& ledger = key->Find(key->key->primary)->ledger;
    const uint64_t left = ledger.left();
    if (left > 0 && left < parts_.options.ledger_block / 2 &&
        ledger.total() < kRefuseAtSeals) {
      low.push_back({.key = key.get()});
    }
  }
  if (low.empty()) return;
  const Status status =
      parts_.store.Update([&](store::Transaction& t) -> Status {
        for (TopUp& one : low) {
          const Key& key = *one.key->key;
          SR_ASSIGN_OR_RETURN(const KeyRows rows, ReadRows(t, key.id));
          const store::VersionRow* stored = rows.Find(key.primary);
          one.granted = 0;
          if (stored == nullptr || stored->state != VersionState::kEnabled ||
              stored->seals_reserved >= kRefuseAtSeals) {
            continue;
          }
          store::VersionRow row = *stored;
          one.total = std::min(row.seals_reserved + parts_.NewReservation(),
                               kRefuseAtSeals);
          one.granted = one.total - row.seals_reserved;
          row.seals_reserved = one.total;
          SR_RETURN_IF_ERROR(t.UpdateVersion(row));
        }
        return OkStatus();
      });
  if (!status.ok()) {
    // Seals that find their block empty try again, and report it.
    log::Warning("seals could not be reserved ahead", {{"error", status}});
    return;
  }
  for (const TopUp& one : low) {
    if (one.granted == 0) continue;
    reservations_.Add();
    one.key->Find(one.key->key->primary)->ledger.Grant(one.total, one.granted);
  }
}

}  // namespace strongroom::keyring
