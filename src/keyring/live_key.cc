#include "keyring/live_key.h"

namespace strongroom::keyring {

LiveVersion* LiveKey::Find(uint32_t number) const {
  const Version* version = key->Find(number);
  if (version == nullptr) return nullptr;
  return versions[static_cast<size_t>(version - key->versions.data())].get();
}

const LiveKey* View::Find(const Uuid& id) const {
  auto found = keys.find(id);
  return found == keys.end() ? nullptr : found->second.get();
}

}  // namespace strongroom::keyring
