// Snapshot: the whole keyring at one change, immutable.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "strongroom/model/key.h"

namespace strongroom::keyring {

using model::Key;
using model::Version;
using model::VersionState;

// Snapshot is the whole keyring at one change. Every member is const.
class Snapshot {
 public:
  // Pointers live as long as the snapshot; nullptr if unknown.
  const Key* FindByName(std::string_view name) const;
  const Key* FindById(const Uuid& id) const;
  // Keys in the order of their names.
  const std::map<std::string, std::shared_ptr<const Key>, std::less<>>& keys()
      const {
    return by_name_;
  }
  uint64_t change_seq() const { return change_seq_; }

 private:
  friend class Catalogue;
  std::map<std::string, std::shared_ptr<const Key>, std::less<>> by_name_;
  std::map<Uuid, std::shared_ptr<const Key>> by_id_;
  uint64_t change_seq_ = 0;
};

}  // namespace strongroom::keyring
