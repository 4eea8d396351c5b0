// A key, its versions and its settings, as every part of the house speaks of
// them: the store keeps them, the keyring publishes them, wire/ translates
// them, the client returns them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "strongroom/model/census.h"

namespace strongroom::model {

// The numbers are stored: never reuse one.
enum class VersionState : uint8_t {
  kPending = 1,
  kEnabled = 2,
  kDisabled = 3,
  kDestroyScheduled = 4,
  kDestroyed = 5,
};
inline constexpr VersionState kAllVersionStates[] = {
    VersionState::kPending, VersionState::kEnabled, VersionState::kDisabled,
    VersionState::kDestroyScheduled, VersionState::kDestroyed};
// StateName is the word for people and the API: "ENABLED", ...; "UNKNOWN" for
// a number that is no state.
std::string_view StateName(VersionState state);

// RegistrationRule says whether the service must, may or must not keep what it
// wraps under a key. Stored as VersionState is.
enum class RegistrationRule : uint8_t {
  kOptional = 0,
  kRequired = 1,
  kOff = 2,
};
// RuleName: "OPTIONAL", "REQUIRED", "OFF"; "UNKNOWN" for another number.
std::string_view RuleName(RegistrationRule rule);

// BatchPolicy is a key's own (docs/formats.md).
struct BatchPolicy {
  uint32_t max_items = 1024;             // 1..4096; caps a window too
  std::chrono::milliseconds max_age{0};  // 0: no window stays open
  friend bool operator==(const BatchPolicy&, const BatchPolicy&) = default;
};
inline constexpr uint32_t kMaxBatchItems = 4096;
inline constexpr std::chrono::milliseconds kMaxBatchAge{3600 * 1000};

// KeySettings is what an operator decides about a key.
struct KeySettings {
  Labels labels{};
  std::chrono::seconds rotation_period{0};  // 0: not by time
  BatchPolicy batch{};
  std::chrono::seconds destroy_after{30 * 86400};  // 0 .. 10 years
  RegistrationRule registration = RegistrationRule::kOptional;
  bool rewrap_on_rotation = false;  // a rotation starts a rewrap job
  // A version is taken out of use so long after its rotation; 0: it stays.
  std::chrono::seconds retire_after{0};
  friend bool operator==(const KeySettings&, const KeySettings&) = default;
};
// Validate is ARGUMENT_INVALID, naming the field, what it is and its bounds:
// labels as in base/names.h; periods 0 or 3600 s .. 100 years; destroy_after
// 0 .. 10 years; max_items 1 .. kMaxBatchItems; max_age 0 .. kMaxBatchAge.
Status Validate(const KeySettings& settings);

// KeyChange names the settings to change; what is absent stays as it is.
struct KeyChange {
  std::optional<Labels> labels{};
  std::optional<std::chrono::seconds> rotation_period{};
  std::optional<BatchPolicy> batch{};
  std::optional<std::chrono::seconds> destroy_after{};
  std::optional<RegistrationRule> registration{};
  std::optional<bool> rewrap_on_rotation{};
  std::optional<std::chrono::seconds> retire_after{};
};
// Changed gives the settings after the change; it checks nothing.
KeySettings Changed(KeySettings settings, const KeyChange& change);

// Version is one KEK of a key.
struct Version {
  uint32_t number = 0;
  Uuid kek_id{};  // its CKA_ID on the token
  VersionState state = VersionState::kPending;
  uint64_t seals = 0;  // at most so many were made under it
  WallTime created{};
  // When its KEK is, or was, destroyed: DESTROY_SCHEDULED and DESTROYED only.
  WallTime destroy_time{};
  // No timer destroys it: the store may be an old copy. Cancelling the
  // destruction lifts that; it can be scheduled again then.
  bool destruction_held = false;
  // When the timer takes it out of use; absent if it does not.
  std::optional<WallTime> retire_time{};
  // Filled in where a scheduled destruction is answered.
  std::optional<Traces> traces{};
  friend bool operator==(const Version&, const Version&) = default;
};

struct Key {
  Uuid id{};
  std::string name{};  // a KeyName's text
  KeySettings settings{};
  uint32_t primary = 0;             // the version that wraps; 0: none yet
  std::vector<Version> versions{};  // by number; gaps are possible
  WallTime next_rotation{};         // meaningful with a rotation period
  // Everything that was ever wrapped under it is registered.
  bool always_required = false;
  WallTime created{};

  // Find gives the version of this number, or nullptr.
  const Version* Find(uint32_t number) const;
  friend bool operator==(const Key&, const Key&) = default;
};

}  // namespace strongroom::model
