// What depends on a key version: registered DEKs, wraps that only callers
// hold, and what callers say that they keep.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "strongroom/base/clock.h"

namespace strongroom::model {

// Traces is what is known of a version's wraps that nobody registered, and of
// its use.
struct Traces {
  uint32_t version = 0;
  // At most so many were issued; exactly, unless the service was killed.
  uint64_t issued = 0;
  bool uncounted = false;  // it was in use before they were counted
  // Absent: never. After a crash the last two may be a minute too old.
  std::optional<WallTime> first_issued{};
  std::optional<WallTime> last_issued{};
  std::optional<WallTime> last_opened{};

  bool MayHaveIssued() const { return issued > 0 || uncounted; }
  friend bool operator==(const Traces&, const Traces&) = default;
};

// Claim is what a caller says that it keeps under a version.
struct Claim {
  std::string caller{};
  std::string source{};  // the caller's name for where it looked
  uint64_t objects = 0;
  WallTime reported{};
  friend bool operator==(const Claim&, const Claim&) = default;
};

// VersionCensus is what depends on one version, as far as the service knows.
struct VersionCensus {
  uint32_t version = 0;
  uint64_t batches = 0;  // registered, as the next is
  uint64_t deks = 0;
  Traces traces{};
  std::vector<Claim> claims{};
  // Its key has demanded registration from the first version on, nothing is
  // registered under it any more, and nobody claims to keep anything.
  bool nothing_depends = false;
  friend bool operator==(const VersionCensus&, const VersionCensus&) = default;
};
// Census is of one key: its versions that are not DESTROYED, by number.
using Census = std::vector<VersionCensus>;

inline constexpr size_t kMaxSourceSize = 256;  // bytes of UTF-8
// Claimed is one line of a caller's report.
struct Claimed {
  uint32_t version = 0;
  uint64_t objects = 0;
};

}  // namespace strongroom::model
