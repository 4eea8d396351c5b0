// What depends on a key version, as rows: registered DEKs (counted),
// unregistered wraps (counted ahead of use), and what callers report.
// Thread rule: as the transaction that gives them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"

namespace strongroom::store {

// CensusRow counts the registered DEKs that depend on a key version.
struct CensusRow {
  Uuid key_id;
  uint32_t version = 0;
  uint64_t batches = 0;
  uint64_t deks = 0;
  friend bool operator==(const CensusRow&, const CensusRow&) = default;
};

// CensusDelta is what a transaction adds to a count, or takes from it. Each
// replica adds up its own: those that register never read a count, so that they
// do not wait for each other.
struct CensusDelta {
  Uuid key_id;
  uint32_t version = 0;
  int64_t batches = 0;
  int64_t deks = 0;
};

// UseRow is what is known of a version beside what is registered under it.
struct UseRow {
  Uuid key_id;
  uint32_t version = 0;
  // Unregistered wraps that it may have issued. Reserved ahead of use: more
  // than were issued after a crash, never fewer.
  uint64_t issued = 0;
  bool uncounted = false;  // it was in use before such wraps were counted
  // WallTime{}: never. The last two are written now and then only.
  WallTime first_issued{};
  WallTime last_issued{};
  WallTime last_opened{};
  friend bool operator==(const UseRow&, const UseRow&) = default;
};

inline constexpr size_t kMaxSourceSize = 256;
// ClaimRow is what a caller says that it keeps under a version.
struct ClaimRow {
  Uuid key_id;
  uint32_t version = 0;
  std::string caller;
  std::string source;  // the caller's name for where it looked
  uint64_t objects = 0;
  WallTime reported{};
  friend bool operator==(const ClaimRow&, const ClaimRow&) = default;
};

class DependentReads {
 public:
  virtual ~DependentReads() = default;
  // CensusOf gives the sums of a key's versions, by number; a version of which
  // nothing was ever counted has none. STORE_CORRUPT if one is below zero.
  virtual StatusOr<std::vector<CensusRow>> CensusOf(const Uuid& key_id) = 0;
  // UsesOf and ClaimsOf give a key's rows by version; claims then by caller and
  // source.
  virtual StatusOr<std::vector<UseRow>> UsesOf(const Uuid& key_id) = 0;
  virtual StatusOr<std::vector<ClaimRow>> ClaimsOf(const Uuid& key_id) = 0;
};

class DependentWrites : public DependentReads {
 public:
  // AddCensus adds to what this replica has counted. It checks no sum.
  virtual Status AddCensus(std::span<const CensusDelta> deltas) = 0;
  virtual Status PutUses(std::span<const UseRow> rows) = 0;
  Status PutUse(const UseRow& row) { return PutUses({&row, 1}); }
  virtual Status PutClaims(std::span<const ClaimRow> rows) = 0;
  Status PutClaim(const ClaimRow& row) { return PutClaims({&row, 1}); }
  // DropClaims forgets what a caller said of one source.
  virtual Status DropClaims(const Uuid& key_id, std::string_view caller,
                            std::string_view source) = 0;
};

}  // namespace strongroom::store
