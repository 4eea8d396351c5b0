// Registered DEKs: docs/formats.md, section 3.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"

namespace strongroom::model {

// DekId names a registered DEK for ever, whatever its key does.
struct DekId {
  Uuid batch_id{};
  uint32_t index = 0;

  // "<batch uuid>:<index>"
  std::string ToString() const;
  // Parse takes what ToString gives and nothing else; ARGUMENT_INVALID.
  static StatusOr<DekId> Parse(std::string_view text);
  friend auto operator<=>(const DekId&, const DekId&) = default;
  friend bool operator==(const DekId&, const DekId&) = default;
};

inline constexpr size_t kMaxReferenceSize = 256;
// ValidateReference: at most 256 bytes, and UTF-8; ARGUMENT_INVALID.
Status ValidateReference(std::string_view reference);

// DekAbout is what a caller says about a DEK that it registers.
struct DekAbout {
  Labels labels{};
  std::string reference{};  // the caller's own; ValidateReference
  friend bool operator==(const DekAbout&, const DekAbout&) = default;
};

// Dek is a registered DEK without its leaf.
struct Dek {
  DekId id{};
  uint32_t key_version = 0;  // under which its batch is sealed now
  DekAbout about{};
  WallTime created{};
  friend bool operator==(const Dek&, const Dek&) = default;
};

}  // namespace strongroom::model
