// What callers report that they keep: bounded, and theirs alone to change.
#include <algorithm>
#include <set>
#include <string>

#include "registry/rows.h"
#include "strongroom/base/bytes.h"

namespace strongroom::registry {
namespace {

Status CheckSource(const std::string& source) {
  if (!source.empty() && source.size() <= store::kMaxSourceSize &&
      IsUtf8(source)) {
    return OkStatus();
  }
  return Error(Reason::kArgumentInvalid,
               "the source of a report has " + std::to_string(source.size()) +
                   " bytes; want 1 to " +
                   std::to_string(store::kMaxSourceSize) + " of UTF-8");
}

Status CheckClaimed(const std::vector<store::VersionRow>& versions,
                    std::span<const Claimed> claimed) {
  std::set<uint32_t> seen;
  for (const Claimed& one : claimed) {
    if (!seen.insert(one.version).second) {
      return Error(Reason::kArgumentInvalid, "the report has version " +
                                                 std::to_string(one.version) +
                                                 " twice; want each once");
    }
    if (std::ranges::find(versions, one.version, &store::VersionRow::version) ==
        versions.end()) {
      return Error(Reason::kVersionNotFound,
                   "the report has version " + std::to_string(one.version) +
                       ", which the key does not have");
    }
    if (one.objects > kMaxClaimedObjects) {
      return Error(Reason::kArgumentInvalid,
                   "the report has " + std::to_string(one.objects) +
                       " objects; want at most " +
                       std::to_string(kMaxClaimedObjects));
    }
  }
  return OkStatus();
}

// The rows are those of others, and of the caller's other sources.
Status CheckRoom(const std::vector<store::ClaimRow>& rows,
                 const std::string& caller, size_t more) {
  size_t own = 0;
  std::set<std::string_view> sources;
  for (const store::ClaimRow& row : rows) {
    if (row.caller != caller) continue;
    ++own;
    sources.insert(row.source);
  }
  if (own + more > kMaxClaimsOfCaller ||
      sources.size() >= kMaxSourcesOfCaller) {
    return Error(Reason::kArgumentInvalid,
                 "the caller has reported " + std::to_string(own) +
                     " versions from " + std::to_string(sources.size()) +
                     " other sources of this key; want at most " +
                     std::to_string(kMaxClaimsOfCaller) + " from " +
                     std::to_string(kMaxSourcesOfCaller) +
                     ": take one back with an empty report of its name");
  }
  if (rows.size() + more > kMaxClaimsOfKey) {
    return Error(Reason::kArgumentInvalid,
                 "callers have reported " + std::to_string(rows.size()) +
                     " times on this key; want at most " +
                     std::to_string(kMaxClaimsOfKey) +
                     ": have old reports taken back with empty ones");
  }
  return OkStatus();
}

}  // namespace

Status StoreReport(store::Transaction& t, const Uuid& key_id,
                   const std::string& caller, const std::string& source,
                   std::span<const Claimed> claimed, WallTime now) {
  SR_RETURN_IF_ERROR(CheckSource(source));
  SR_ASSIGN_OR_RETURN(const auto versions, t.VersionsOf(key_id));
  SR_RETURN_IF_ERROR(CheckClaimed(versions, claimed));
  SR_RETURN_IF_ERROR(t.dependents().DropClaims(key_id, caller, source));
  if (claimed.empty()) return OkStatus();
  SR_ASSIGN_OR_RETURN(const auto others, t.dependents().ClaimsOf(key_id));
  SR_RETURN_IF_ERROR(CheckRoom(others, caller, claimed.size()));
  std::vector<store::ClaimRow> rows;
  for (const Claimed& one : claimed) {
    rows.push_back({.key_id = key_id,
                    .version = one.version,
                    .caller = caller,
                    .source = source,
                    .objects = one.objects,
                    .reported = now});
  }
  return t.dependents().PutClaims(rows);
}

}  // namespace strongroom::registry
