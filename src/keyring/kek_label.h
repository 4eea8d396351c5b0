// CKA_LABEL of a KEK: strongroom/<installation id>/<key uuid>/v<n>.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "strongroom/base/names.h"

namespace strongroom::keyring {

struct KekLabel {
  Uuid installation;
  Uuid key_id;
  uint32_t version = 0;

  std::string ToString() const;
  // Parse gives nullopt for every label that ToString cannot have made.
  static std::optional<KekLabel> Parse(std::string_view label);
  friend bool operator==(const KekLabel&, const KekLabel&) = default;
};

}  // namespace strongroom::keyring
