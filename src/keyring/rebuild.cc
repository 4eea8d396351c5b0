#include "strongroom/keyring/rebuild.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "keyring/dependents.h"
#include "keyring/kek_label.h"
#include "keyring/kek_token.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/keyring/keyring.h"
#include "strongroom/keyring/signing_key.h"

namespace strongroom::keyring {
namespace {

using store::VersionRow;

std::string Described(const hsm::TokenObject& object) {
  return object.object_class + " " + ToHex(object.id) + " labelled \"" +
         object.label + "\"";
}

// What the store has already.
struct Known {
  std::set<Uuid> keys;
  std::set<Uuid> keks;
  std::set<std::pair<Uuid, uint32_t>> versions;
  bool signing_key = false;
};

StatusOr<Known> ReadKnown(store::Store& store) {
  Known known;
  SR_RETURN_IF_ERROR(store.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const auto keys, t.AllKeys());
    SR_ASSIGN_OR_RETURN(const auto versions, t.AllVersions());
    SR_ASSIGN_OR_RETURN(const auto pair, SigningPairIn(t));
    for (const store::KeyRow& key : keys) known.keys.insert(key.id);
    for (const VersionRow& row : versions) {
      known.keks.insert(row.kek_id);
      known.versions.insert({row.key_id, row.version});
    }
    known.signing_key = pair.has_value();
    return OkStatus();
  }));
  return known;
}

// NewVersion is the row of an object that the store does not know, or why it
// gets none.
StatusOr<VersionRow> NewVersion(const KekToken& token,
                                const hsm::TokenObject& object, WallTime now) {
  const auto label = KekLabel::Parse(object.label);
  StatusOr<Uuid> id = Uuid::FromBytes(object.id);
  VersionRow row;
  if (id.ok()) row.kek_id = *id;
  row.key_id = label->key_id;
  row.version = label->version;
  row.state = VersionState::kEnabled;
  row.created = now;
  row.seals_reserved = kRefuseAtSeals;
  if (!id.ok() || !token.IsProper(object, row)) {
    return Error(Reason::kHsmUnexpected,
                 Described(object) + " has not the attributes of a KEK");
  }
  // A few seals more than the ledger allows: there is room up to 2^32.
  uint64_t further = hsm::SealRetries::kMost;
  SR_ASSIGN_OR_RETURN(row.known_answer, token.SealKnownAnswer(row, &further));
  return row;
}

StatusOr<std::vector<VersionRow>> FindNew(const KekToken& token,
                                          const Inventory& inventory,
                                          const Known& known, WallTime now,
                                          RebuildReport* report) {
  std::map<std::pair<Uuid, uint32_t>, VersionRow> found;
  std::set<std::pair<Uuid, uint32_t>> twice;
  for (const hsm::TokenObject& object : inventory.labelled) {
    const auto label = KekLabel::Parse(object.label);
    const StatusOr<Uuid> id = Uuid::FromBytes(object.id);
    if (id.ok() && known.keks.contains(*id)) continue;
    const std::pair number(label->key_id, label->version);
    if (known.versions.contains(number)) {
      report->left.push_back(Described(object) +
                             ": the store has another KEK for this version");
      continue;
    }
    StatusOr<VersionRow> row = NewVersion(token, object, now);
    if (!row.ok()) {
      // Nothing can be said of the rest if the token does not answer.
      if (ReasonOf(row.status()) != Reason::kHsmUnexpected) return row.status();
      report->left.push_back(Described(object) + ": " +
                             std::string(MessageOf(row.status())));
      continue;
    }
    if (!found.emplace(number, *row).second) twice.insert(number);
  }
  std::vector<VersionRow> rows;
  for (auto& [number, row] : found) {
    if (!twice.contains(number)) {
      rows.push_back(std::move(row));
      continue;
    }
    report->left.push_back("version " + std::to_string(number.second) +
                           " of key " + number.first.ToString() +
                           ": two KEKs have its label, and nothing says which "
                           "is the right one");
  }
  return rows;
}

store::KeyRow NewKeyRow(const Uuid& id, const std::map<Uuid, KeyName>& names,
                        WallTime now) {
  store::KeyRow row;
  row.id = id;
  const auto named = names.find(id);
  row.name = named != names.end() ? named->second.ToString()
                                  : "recovered/" + id.ToString();
  row.created = now;
  return row;
}

// The pair of this installation, if there is exactly one on the token.
StatusOr<std::optional<SigningPair>> FindPair(hsm::Device& device,
                                              const Uuid& installation,
                                              RebuildReport* report) {
  SR_ASSIGN_OR_RETURN(const auto pairs, SigningPairsOn(device));
  const size_t count = pairs.count(installation);
  if (count > 1) {
    report->left.push_back(std::to_string(count) +
                           " signing keys: nothing says which is the right "
                           "one; a new one is made when it is wanted");
  }
  if (count != 1) return std::optional<SigningPair>();
  return std::optional<SigningPair>(pairs.find(installation)->second);
}

Status StoreAll(store::Transaction& t, const Known& known,
                const std::vector<VersionRow>& rows,
                const std::optional<SigningPair>& pair,
                const std::map<Uuid, KeyName>& names, WallTime now,
                RebuildReport* report) {
  report->added.clear();
  report->keys_made = 0;
  SR_RETURN_IF_ERROR(MarkOldCopy(t));
  for (const VersionRow& row : rows) {
    SR_ASSIGN_OR_RETURN(std::optional<store::KeyRow> key, t.GetKey(row.key_id));
    if (!key) {
      key = NewKeyRow(row.key_id, names, now);
      SR_RETURN_IF_ERROR(t.InsertKey(*key));
      ++report->keys_made;
    }
    SR_RETURN_IF_ERROR(t.InsertVersion(row));
    SR_RETURN_IF_ERROR(MarkUncounted(t, row));
    // The rows come in the order of their numbers.
    if (!known.keys.contains(row.key_id)) {
      key->primary_version = row.version;
      SR_RETURN_IF_ERROR(t.UpdateKey(*key));
    }
    report->added.push_back({key->name, row.version});
  }
  if (pair) SR_RETURN_IF_ERROR(AdoptSigningPair(t, *pair));
  return t.BumpChangeSeq();
}

}  // namespace

StatusOr<std::map<Uuid, int>> InstallationsOn(hsm::Device& device) {
  SR_ASSIGN_OR_RETURN(const std::vector<hsm::TokenObject> objects,
                      device.List());
  std::map<Uuid, int> installations;
  for (const hsm::TokenObject& object : objects) {
    const auto label = KekLabel::Parse(object.label);
    if (label) ++installations[label->installation];
  }
  return installations;
}

Status MarkOldCopy(store::Transaction& t) {
  SR_ASSIGN_OR_RETURN(const std::vector<store::KeyRow> keys, t.AllKeys());
  for (store::KeyRow key : keys) {
    key.always_required = false;
    SR_RETURN_IF_ERROR(t.UpdateKey(key));
  }
  SR_ASSIGN_OR_RETURN(const std::vector<VersionRow> rows, t.AllVersions());
  for (VersionRow row : rows) {
    if (row.state == VersionState::kDestroyed) continue;
    row.seals_reserved = std::max(row.seals_reserved, kRefuseAtSeals);
    // What has begun cannot have been cancelled.
    row.held =
        row.held || row.state == VersionState::kPending ||
        (row.state == VersionState::kDestroyScheduled && !row.destroying);
    SR_RETURN_IF_ERROR(t.UpdateVersion(row));
    SR_RETURN_IF_ERROR(MarkUncounted(t, row));
  }
  return OkStatus();
}

StatusOr<RebuildReport> Rebuild(store::Store& store, hsm::Device& device,
                                const Clock& clock,
                                const std::map<Uuid, KeyName>& names) {
  const KekToken token(device, clock, store.installation_id());
  const WallTime now = clock.Now();
  RebuildReport report;
  SR_ASSIGN_OR_RETURN(const Inventory inventory, token.TakeInventory());
  SR_ASSIGN_OR_RETURN(const Known known, ReadKnown(store));
  SR_ASSIGN_OR_RETURN(const std::vector<VersionRow> rows,
                      FindNew(token, inventory, known, now, &report));
  std::optional<SigningPair> pair;
  if (!known.signing_key) {
    SR_ASSIGN_OR_RETURN(pair,
                        FindPair(device, store.installation_id(), &report));
  }
  report.signing_key = pair.has_value();
  CrashPoint("rebuild/sealed");
  if (rows.empty() && !pair) return report;
  SR_RETURN_IF_ERROR(store.UpdateInOrder([&](store::Transaction& t) {
    return StoreAll(t, known, rows, pair, names, now, &report);
  }));
  CrashPoint("rebuild/stored");
  return report;
}

}  // namespace strongroom::keyring
