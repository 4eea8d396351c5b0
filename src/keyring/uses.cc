// What the engine asks, many times a second, and the ledger behind it.
#include <algorithm>
#include <thread>

#include "keyring/keyring_impl.h"
#include "strongroom/base/log.h"

namespace strongroom::keyring {
namespace {

Status UnknownKey(const Uuid& key_id) {
  return Error(Reason::kKeyNotFound,
               "there is no key with the id " + key_id.ToString());
}

std::string NameOf(const Key& key, uint32_t version) {
  return "key version " + key.name + " v" + std::to_string(version);
}

Status WrongState(const Key& key, const Version& version,
                  std::string_view use) {
  return Error(Reason::kVersionState,
               NameOf(key, version.number) + " is " +
                   std::string(StateName(version.state)) +
                   "; want ENABLED to " + std::string(use));
}

Status NotOnToken(const Key& key, uint32_t version) {
  return Error(Reason::kKekNotOnToken,
               "the KEK of " + NameOf(key, version) +
                   " was not on the token at start; connect the right token, "
                   "or restore its backup, and start again");
}

Status LimitReached(const std::string& name) {
  return Error(Reason::kSealLimitReached,
               name +
                   " has made its 2^31 seals, the most for one KEK; rotate "
                   "the key");
}

batching::KekRef RefOf(const Key& key, const Version& version) {
  return {.key_id = key.id,
          .version = version.number,
          .kek = version.kek_id,
          .policy = key.settings.batch};
}

using namespace std::chrono_literals;

}  // namespace

StatusOr<batching::KekRef> KeyringImpl::Primary(const Uuid& key_id) {
  const std::shared_ptr<const View> view = live_.Get();
  const LiveKey* live = view->Find(key_id);
  if (live == nullptr) return UnknownKey(key_id);
  const Version& primary = *live->key->Find(live->key->primary);
  if (!Permits(primary.state, VersionUse::kSeal)) {
    return WrongState(*live->key, primary, "wrap");
  }
  return RefOf(*live->key, primary);
}

StatusOr<batching::KekRef> KeyringImpl::ForSeal(const Uuid& key_id) {
  for (;;) {
    const std::shared_ptr<const View> view = live_.Get();
    const LiveKey* live = view->Find(key_id);
    if (live == nullptr) return UnknownKey(key_id);
    const Key& key = *live->key;
    const Version& primary = *key.Find(key.primary);
    LiveVersion& version = *live->Find(key.primary);
    if (!Permits(primary.state, VersionUse::kSeal)) {
      return WrongState(key, primary, "wrap");
    }
    if (!version.on_token) return NotOnToken(key, primary.number);
    if (version.ledger.Count()) return RefOf(key, primary);
    // Reserving waits for the disk; the primary may be another afterwards.
    SR_RETURN_IF_ERROR(Reserve(key_id, primary, version));
  }
}

StatusOr<batching::KekRef> KeyringImpl::ForOpen(const Uuid& key_id,
                                                uint32_t number) {
  const std::shared_ptr<const View> view = live_.Get();
  const LiveKey* before = view->Find(key_id);
  if (before == nullptr) return UnknownKey(key_id);
  const LiveVersion* found = before->Find(number);
  if (found == nullptr) {
    return Error(Reason::kVersionNotFound,
                 "there is no " + NameOf(*before->key, number));
  }
  // Counted as a use first and looked at afterwards: whoever disables the
  // version publishes that first and counts the uses afterwards.
  std::shared_ptr<const int> use = found->use;
  const std::shared_ptr<const View> now = live_.Get();
  const LiveKey* live = now->Find(key_id);
  if (live == nullptr) return UnknownKey(key_id);
  const Key& key = *live->key;
  const Version* version = key.Find(number);
  if (version == nullptr) {
    return Error(Reason::kVersionNotFound,
                 "there is no " + NameOf(key, number));
  }
  if (!Permits(version->state, VersionUse::kOpen)) {
    return WrongState(key, *version, "unwrap");
  }
  if (!live->Find(number)->on_token) return NotOnToken(key, number);
  batching::KekRef ref = RefOf(key, *version);
  ref.use = std::move(use);
  return ref;
}

Status KeyringImpl::AwaitUses(const Uuid& id, uint32_t number) const {
  const std::shared_ptr<const View> view = live_.Get();
  const LiveKey* live = view->Find(id);
  const LiveVersion* version = live == nullptr ? nullptr : live->Find(number);
  if (version == nullptr) return OkStatus();
  // The version's own copy is the first one. Opens end in milliseconds, and
  // nobody is woken for each of them.
  constexpr std::chrono::milliseconds kStep{1};
  for (auto waited = 0ms; version->use.use_count() > 1; waited += kStep) {
    if (waited >= options_.use_patience) {
      return Error(Reason::kDeadlineExceeded,
                   NameOf(*live->key, number) + " is " +
                       std::string(StateName(live->key->Find(number)->state)) +
                       " and no new open can begin, but " +
                       std::to_string(version->use.use_count() - 1) +
                       " that began before have not ended: the token may be "
                       "hanging; nothing is to be done again");
    }
    std::this_thread::sleep_for(kStep);
  }
  return OkStatus();
}

bool KeyringImpl::SealIsCurrent(const batching::KekRef& kek) {
  const std::shared_ptr<const View> view = live_.Get();
  const LiveKey* live = view->Find(kek.key_id);
  if (live == nullptr || live->key->primary != kek.version) return false;
  const Version* primary = live->key->Find(kek.version);
  return primary->kek_id == kek.kek &&
         Permits(primary->state, VersionUse::kSeal);
}

std::shared_ptr<const Snapshot> KeyringImpl::Current() const {
  return live_.Get()->snapshot;
}

uint64_t KeyringImpl::SealsCounted(const Uuid& key_id, uint32_t version) const {
  const std::shared_ptr<const View> view = live_.Get();
  const LiveKey* live = view->Find(key_id);
  const LiveVersion* found = live == nullptr ? nullptr : live->Find(version);
  return found == nullptr ? 0 : found->ledger.Counted();
}

// Once in `ledger_block` seals, one caller waits here for the disk, and those
// of the same key behind it; TopUpLedgers makes that rarer still.
Status KeyringImpl::Reserve(const Uuid& key_id, const Version& version,
                            LiveVersion& live) {
  MutexLock lock(live.ledger.reserving());
  if (live.ledger.left() > 0) return OkStatus();
  const std::string name =
      "key " + key_id.ToString() + " v" + std::to_string(version.number);
  // A key at its limit must not cost a transaction for each refusal.
  if (live.ledger.total() >= kRefuseAtSeals) return LimitReached(name);
  uint64_t total = 0;
  uint64_t granted = 0;
  const Status status = store_.Update([&](store::Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const KeyRows rows, ReadRows(t, key_id));
    const store::VersionRow* stored = rows.Find(version.number);
    if (stored == nullptr || stored->kek_id != version.kek_id ||
        stored->state != VersionState::kEnabled) {
      return Error(Reason::kVersionState,
                   name + " is not ENABLED any more; want ENABLED to wrap");
    }
    store::VersionRow row = *stored;
    if (row.seals_reserved >= kRefuseAtSeals) return LimitReached(name);
    total = std::min(row.seals_reserved + NewReservation(), kRefuseAtSeals);
    granted = total - row.seals_reserved;
    row.seals_reserved = total;
    return t.UpdateVersion(row);
  });
  if (!status.ok()) return status;
  reservations_.Add();
  live.ledger.Grant(total, granted);
  return OkStatus();
}

uint64_t KeyringImpl::NewReservation() const {
  return std::max<uint64_t>(options_.ledger_block, 1);
}

// One number for all keys: a label for each would be made by whoever may create
// keys. `strongroom key show` tells each version's own.
void KeyringImpl::ShowLedgers() const {
  uint64_t most = 0;
  const std::shared_ptr<const View> view = live_.Get();
  for (const auto& [id, key] : view->keys) {
    most = std::max(most, key->Find(key->key->primary)->ledger.Counted());
  }
  ledger_share_.Set(static_cast<double>(most) /
                    static_cast<double>(kRefuseAtSeals));
}

// TopUpLedgers reserves the next block of every primary that is in use and has
// less than half a block left, all in one transaction.
void KeyringImpl::TopUpLedgers() {
  struct TopUp {
    const LiveKey* key;
    uint64_t total = 0;
    uint64_t granted = 0;
  };
  const std::shared_ptr<const View> view = live_.Get();
  std::vector<TopUp> low;
  for (const auto& [id, key] : view->keys) {
    const SealLedger& ledger = key->Find(key->key->primary)->ledger;
    const uint64_t left = ledger.left();
    if (left > 0 && left < options_.ledger_block / 2 &&
        ledger.total() < kRefuseAtSeals) {
      low.push_back({.key = key.get()});
    }
  }
  if (low.empty()) return;
  const Status status = store_.Update([&](store::Transaction& t) -> Status {
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
      one.total =
          std::min(row.seals_reserved + NewReservation(), kRefuseAtSeals);
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
