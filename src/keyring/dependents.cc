#include "keyring/dependents.h"

#include <algorithm>
#include <string>

namespace strongroom::keyring {
namespace {

std::optional<WallTime> TimeOf(WallTime stored) {
  if (stored == WallTime{}) return std::nullopt;
  return stored;
}

std::string TextOf(const std::optional<WallTime>& time) {
  return time ? FormatTime(*time) : "not seen";
}

// What was seen, for who has to decide.
std::string Describe(const Traces& use, uint64_t claimed) {
  std::string text;
  if (use.uncounted)
    text =
        "may have issued unregistered wraps that were not counted (it is older "
        "than the count, or the store may be an old copy)";
  if (use.issued > 0) {
    text +=
        (text.empty() ? "" : ", ") + std::string("has issued ") +
        std::to_string(use.issued) + " wraps that are not registered (first " +
        TextOf(use.first_issued) + ", last " + TextOf(use.last_issued) + ")";
  }
  if (claimed > 0) {
    text += (text.empty() ? "" : ", ") +
            std::string(
                "is reported by callers "
                "to have ") +
            std::to_string(claimed) + " objects under it";
  }
  return text + "; last unwrap " + TextOf(use.last_opened);
}

}  // namespace

Status CheckNothingDepends(store::ReadTransaction& transaction,
                           const store::KeyRow& key, uint32_t version) {
  SR_ASSIGN_OR_RETURN(const std::vector<store::CensusRow> census,
                      transaction.dependents().CensusOf(key.id));
  for (const store::CensusRow& row : census) {
    if (row.version != version || row.deks == 0) continue;
    return Error(Reason::kDeksOutstanding,
                 "key version " + key.name + " v" + std::to_string(version) +
                     " has " + std::to_string(row.deks) +
                     " registered DEKs in " + std::to_string(row.batches) +
                     " batches; want none, or they would be lost: move them "
                     "with a rewrap job (strongroom job start) first");
  }
  return OkStatus();
}

Traces TracesIn(const std::vector<store::UseRow>& rows, uint32_t version,
                const LiveTraces& live) {
  Traces traces;
  traces.version = version;
  traces.last_issued = live.last_issued;
  traces.last_opened = live.last_opened;
  const auto row = std::ranges::find(rows, version, &store::UseRow::version);
  if (row == rows.end()) return traces;
  traces.issued = row->issued - std::min(row->issued, live.unused);
  traces.uncounted = row->uncounted;
  traces.first_issued = TimeOf(row->first_issued);
  // An absent time is before every other.
  traces.last_issued = std::max(traces.last_issued, TimeOf(row->last_issued));
  traces.last_opened = std::max(traces.last_opened, TimeOf(row->last_opened));
  return traces;
}

Status MarkUncounted(store::Transaction& t, const store::VersionRow& version) {
  SR_ASSIGN_OR_RETURN(const std::vector<store::UseRow> uses,
                      t.dependents().UsesOf(version.key_id));
  store::UseRow row{.key_id = version.key_id, .version = version.version};
  const auto known =
      std::ranges::find(uses, version.version, &store::UseRow::version);
  if (known != uses.end()) row = *known;
  row.uncounted = true;
  return t.dependents().PutUse(row);
}

Status CheckNothingUnregistered(store::ReadTransaction& transaction,
                                const store::KeyRow& key, uint32_t version,
                                const LiveTraces& live) {
  SR_ASSIGN_OR_RETURN(const std::vector<store::UseRow> uses,
                      transaction.dependents().UsesOf(key.id));
  SR_ASSIGN_OR_RETURN(const std::vector<store::ClaimRow> claims,
                      transaction.dependents().ClaimsOf(key.id));
  const Traces use = TracesIn(uses, version, live);
  uint64_t claimed = 0;
  for (const store::ClaimRow& claim : claims) {
    if (claim.version == version) claimed += claim.objects;
  }
  if (!use.MayHaveIssued() && claimed == 0) return OkStatus();
  return Error(Reason::kUnregisteredWraps,
               "key version " + key.name + " v" + std::to_string(version) +
                   " " + Describe(use, claimed) +
                   "; what callers still keep of it would be lost for ever: "
                   "have them rewrap it, and then acknowledge that "
                   "(acknowledge_unregistered; strongroom key destroy "
                   "--acknowledge-unregistered)");
}

}  // namespace strongroom::keyring
