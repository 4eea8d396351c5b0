#include "strongroom/keyring/keyring.h"

#include <unordered_map>

#include "keyring/kek_label.h"
#include "keyring/keyring_impl.h"

namespace strongroom::keyring {
namespace {

bool IsHalf(const hsm::TokenObject& object) {
  return object.object_class == "private-key" ||
         object.object_class == "public-key";
}

}  // namespace

KeyringImpl::KeyringImpl(store::Store& store, hsm::Device& device,
                         const Clock& clock, Metrics& metrics,
                         KeyringOptions options)
    : store_(store),
      device_(device),
      clock_(clock),
      options_(std::move(options)),
      token_(device, clock, store.installation_id()),
      signing_(store, device, clock),
      rotations_(metrics.GetCounter("strongroom_rotations_total",
                                    "Key rotations done.")),
      reservations_(
          metrics.GetCounter("strongroom_seal_ledger_reservations_total",
                             "Blocks of seals reserved in the store.")),
      ledger_share_(metrics.GetGauge(
          "strongroom_seal_ledger_highest_share",
          "Seals counted under the most used primary version, of the bound at "
          "which it refuses; a version is rotated at 0.5.")),
      live_(metrics) {}

StatusOr<std::vector<Keyring::OwnedObject>> KeyringImpl::DescribeObjects() {
  SR_ASSIGN_OR_RETURN(std::vector<hsm::TokenObject> objects, device_.List());
  // The store and not the snapshot: it also knows keys in the making.
  SR_ASSIGN_OR_RETURN(const std::vector<KeyRows> rows, ReadAllRows());
  std::unordered_map<Uuid, std::string> owners;
  for (const KeyRows& key : rows) {
    for (const store::VersionRow& row : key.versions) {
      const bool gone = row.state == VersionState::kDestroyed;
      owners.emplace(row.kek_id, (gone ? "destroyed kek " : "kek ") +
                                     key.key.name + " v" +
                                     std::to_string(row.version));
    }
  }
  std::optional<Uuid> signing;
  SR_RETURN_IF_ERROR(store_.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(signing, SigningKeyIdIn(t));
    return OkStatus();
  }));
  const auto owner_of = [&](const hsm::TokenObject& object) -> std::string {
    StatusOr<Uuid> id = Uuid::FromBytes(object.id);
    if (id.ok() && object.object_class == "secret-key") {
      auto found = owners.find(*id);
      if (found != owners.end()) return found->second;
    }
    const auto kek = KekLabel::Parse(object.label);
    const auto signer = InstallationOfSigningLabel(object.label);
    if (!kek && !signer) return "foreign";
    if ((kek ? kek->installation : *signer) != store_.installation_id()) {
      return "unknown installation";
    }
    if (signer && id.ok() && signing == *id && IsHalf(object)) {
      return "signing key";
    }
    return "unknown to this store";
  };
  std::vector<OwnedObject> described;
  described.reserve(objects.size());
  for (hsm::TokenObject& object : objects) {
    std::string owner = owner_of(object);
    described.push_back({std::move(object), std::move(owner)});
  }
  return described;
}

std::unique_ptr<Keyring> CreateKeyring(store::Store& store, hsm::Device& device,
                                       const Clock& clock, Metrics& metrics,
                                       KeyringOptions options) {
  return std::make_unique<KeyringImpl>(store, device, clock, metrics,
                                       std::move(options));
}

}  // namespace strongroom::keyring
