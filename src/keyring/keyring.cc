#include "strongroom/keyring/keyring.h"

#include <utility>

#include "keyring/calendar.h"
#include "keyring/owned_objects.h"
#include "keyring/startup.h"

namespace strongroom::keyring {

// The objects of the keyring, each on those above it.
struct Keyring::House {
  House(store::Store& store_in, hsm::Device& device_in, const Clock& clock,
        Metrics& metrics, KeyringOptions options_in)
      : store(store_in),
        device(device_in),
        options(std::move(options_in)),
        token(device, clock, store.installation_id()),
        catalogue(metrics),
        parts{.store = store,
              .clock = clock,
              .options = options,
              .token = token,
              .catalogue = catalogue,
              .turns = turns},
        signing(store, device),
        ledger(parts, metrics),
        uses(parts, ledger),
        usage(parts),
        maker(parts, metrics),
        destructions(parts),
        recovery(parts, maker, destructions),
        grace(parts),
        changes(parts, maker, recovery, uses, usage, grace),
        retirements(parts, changes, uses, usage),
        calendar(parts, {.changes = changes,
                         .recovery = recovery,
                         .destructions = destructions,
                         .retirements = retirements,
                         .grace = grace,
                         .ledger = ledger,
                         .usage = usage}) {}

  store::Store& store;
  hsm::Device& device;
  const KeyringOptions options;
  const KekToken token;
  Catalogue catalogue;
  Turns turns;
  const KeyringParts parts;
  SigningKey signing;
  Ledger ledger;
  Uses uses;
  Usage usage;
  Maker maker;
  Destructions destructions;
  Recovery recovery;
  Grace grace;
  Changes changes;
  Retirements retirements;
  Calendar calendar;
};

Keyring::Keyring(store::Store& store, hsm::Device& device, const Clock& clock,
                 Metrics& metrics, KeyringOptions options)
    : house_(std::make_unique<House>(store, device, clock, metrics,
                                     std::move(options))) {}

Keyring::~Keyring() = default;

StatusOr<RecoveryReport> Keyring::Start() {
  House& house = *house_;
  return Startup(house.parts, house.maker, house.recovery, house.grace).Run();
}

std::shared_ptr<const Snapshot> Keyring::Current() const {
  return house_->catalogue.Get()->snapshot;
}

StatusOr<batching::KekRef> Keyring::Primary(const Uuid& key_id) {
  return house_->uses.Primary(key_id);
}

StatusOr<batching::KekRef> Keyring::ForSeal(const Uuid& key_id) {
  return house_->uses.ForSeal(key_id);
}

StatusOr<batching::KekRef> Keyring::ForOpen(const Uuid& key_id,
                                            uint32_t version) {
  return house_->uses.ForOpen(key_id, version);
}

bool Keyring::SealIsCurrent(const batching::KekRef& kek) {
  return house_->uses.SealIsCurrent(kek);
}

StatusOr<std::shared_ptr<const Key>> Keyring::CreateKey(const NewKey& key) {
  return house_->changes.Create(key);
}

StatusOr<std::shared_ptr<const Key>> Keyring::UpdateKey(
    const Uuid& id, const KeyChange& change) {
  return house_->changes.Update(id, change);
}

StatusOr<std::shared_ptr<const Key>> Keyring::Rotate(const Uuid& id) {
  return house_->changes.Rotate(id, std::nullopt);
}

StatusOr<std::shared_ptr<const Key>> Keyring::Move(
    const Uuid& id, uint32_t version, VersionMove move,
    bool acknowledge_unregistered) {
  return house_->changes.Move(id, version, move, acknowledge_unregistered);
}

Status Keyring::CountIssued(const Uuid& key_id, uint32_t version,
                            uint64_t wraps) {
  return house_->usage.CountIssued(key_id, version, wraps);
}

void Keyring::NoteOpened(const Uuid& key_id, uint32_t version) {
  house_->usage.NoteOpened(key_id, version);
}

StatusOr<std::vector<Traces>> Keyring::TracesOf(const Uuid& key_id) {
  return house_->usage.TracesOf(key_id);
}

uint64_t Keyring::SealsCounted(const Uuid& key_id, uint32_t version) const {
  return house_->ledger.SealsCounted(key_id, version);
}

WallTime Keyring::RunDue() { return house_->calendar.RunDue(); }

StatusOr<std::vector<OwnedObject>> Keyring::DescribeObjects() {
  return keyring::DescribeObjects(house_->store, house_->device);
}

SigningKey& Keyring::signing() { return house_->signing; }

void Keyring::Close() { house_->usage.Close(); }

}  // namespace strongroom::keyring
