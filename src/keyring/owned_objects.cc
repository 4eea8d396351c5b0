#include "keyring/owned_objects.h"

#include <optional>
#include <unordered_map>

#include "keyring/kek_label.h"
#include "keyring/rows.h"

namespace strongroom::keyring {
namespace {

bool IsHalf(const hsm::TokenObject& object) {
  return object.object_class == "private-key" ||
         object.object_class == "public-key";
}

}  // namespace

StatusOr<std::vector<OwnedObject>> DescribeObjects(store::Store& store,
                                                   hsm::Device& device) {
  SR_ASSIGN_OR_RETURN(std::vector<hsm::TokenObject> objects, device.List());
  // The store and not the snapshot: it also knows keys in the making.
  SR_ASSIGN_OR_RETURN(const std::vector<KeyRows> rows, ReadAllRows(store));
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
  SR_RETURN_IF_ERROR(store.Read([&](store::ReadTransaction& t) -> Status {
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
    if ((kek ? kek->installation : *signer) != store.installation_id()) {
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

}  // namespace strongroom::keyring
