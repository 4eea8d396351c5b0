// KeyRows: a key and its versions as the store has them.
#pragma once

#include <string>
#include <vector>

#include "strongroom/model/key.h"
#include "strongroom/store/store.h"

namespace strongroom::keyring {

struct KeyRows {
  store::KeyRow key;
  std::vector<store::VersionRow> versions;
  uint64_t change_seq = 0;

  const store::VersionRow* Find(uint32_t version) const;
};

// ReadRows fails KEY_NOT_FOUND.
StatusOr<KeyRows> ReadRows(store::ReadTransaction& transaction, const Uuid& id);
// ReadAllRows gives every key, those in the making too, in the order of their
// names, and with `removed` the versions that were given up. STORE_CORRUPT if a
// version has no key.
StatusOr<std::vector<KeyRows>> ReadAllRows(
    store::Store& store, std::vector<store::RemovedRow>* removed = nullptr);

// The settings of a row, and back: the columns are the store's.
model::KeySettings SettingsOf(const store::KeyRow& row);
void SetSettings(const model::KeySettings& settings, store::KeyRow* row);

// NameOf is "payments/cards v3", for messages.
std::string NameOf(const KeyRows& rows, uint32_t version);

}  // namespace strongroom::keyring
