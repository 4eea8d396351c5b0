#include "registry/rows.h"

#include <algorithm>
#include <string>

#include "registry/report_rows.h"

namespace strongroom::registry {
namespace {

using store::BatchRow;
using store::VersionState;

// Old request ids are forgotten a few at a time, by those who add new ones.
constexpr size_t kForgetAtOnce = 16;

// Parsed is a header of the registration, with the DEKs that follow it and
// their indices.
struct Parsed {
  envelope::Header header;
  std::span<const NewDek> deks;
  std::vector<uint32_t> indices;
};

StatusOr<std::vector<Parsed>> ParseHeaders(const Registration& registration) {
  std::vector<Parsed> parsed;
  const std::span<const NewDek> deks = registration.deks;
  for (size_t begin = 0; begin < deks.size();) {
    size_t end = begin + 1;
    while (end < deks.size() && deks[end].header == deks[begin].header) ++end;
    SR_ASSIGN_OR_RETURN(envelope::Header header,
                        envelope::ParseHeader(*deks[begin].header));
    if (header.key_id != registration.key_id) {
      return Error(Reason::kInternal,
                   "a DEK to be registered is of another key");
    }
    Parsed& one = parsed.emplace_back(
        Parsed{std::move(header), deks.subspan(begin, end - begin), {}});
    one.indices.reserve(one.deks.size());
    for (const NewDek& dek : one.deks) {
      SR_ASSIGN_OR_RETURN(const envelope::Leaf leaf,
                          envelope::ParseLeaf(dek.leaf));
      one.indices.push_back(leaf.index);
    }
    begin = end;
  }
  return parsed;
}

Bytes DigestOf(const Parsed& parsed) {
  std::vector<std::pair<uint32_t, const Bytes*>> leaves;
  leaves.reserve(parsed.deks.size());
  for (size_t i = 0; i < parsed.deks.size(); ++i) {
    leaves.emplace_back(parsed.indices[i], &parsed.deks[i].leaf);
  }
  std::ranges::sort(leaves);
  LeafDigest digest;
  for (const auto& [index, leaf] : leaves) digest.Add(index, *leaf);
  return digest.Finish();
}

// Batches are the rows that a registration makes or adds to.
class Batches {
 public:
  // Load reads the rows that are there.
  Status Load(store::Transaction& t, const std::vector<Parsed>& parsed) {
    std::vector<Uuid> ids;
    for (const Parsed& one : parsed) {
      if (rows_.emplace(one.header.batch_id, Entry()).second) {
        ids.push_back(one.header.batch_id);
      }
    }
    SR_ASSIGN_OR_RETURN(auto found, t.deks().GetBatches(ids));
    for (std::optional<BatchRow>& row : found) {
      if (row) rows_[row->batch_id] = {*std::move(row), true};
    }
    return OkStatus();
  }

  // Put makes the batch's row, or adds to it: a batch may come in parts, and a
  // rewrap of the first may have been quicker than the next.
  Status Put(const Parsed& parsed,
             const std::vector<store::VersionRow>& versions,
             CensusChange* census) {
    const envelope::Header& header = parsed.header;
    const auto deks = static_cast<uint32_t>(parsed.deks.size());
    BatchRow& row = rows_[header.batch_id].row;
    if (row.deks == 0) {
      SR_RETURN_IF_ERROR(CheckTakesBatches(versions, header.key_version));
      row = {.batch_id = header.batch_id,
             .key_id = header.key_id,
             .version = header.key_version,
             .header = *parsed.deks.front().header,
             .deks = deks,
             .leaves = DigestOf(parsed)};
      census->Add(row.key_id, row.version, 1, deks);
      return OkStatus();
    }
    if (row.key_id != header.key_id) {
      return Error(Reason::kConflict, "batch " + header.batch_id.ToString() +
                                          " is registered for another key");
    }
    // A batch has one header under one version.
    if (row.version == header.key_version &&
        row.header != *parsed.deks.front().header) {
      return Error(Reason::kConflict, "batch " + header.batch_id.ToString() +
                                          " is registered with another header");
    }
    row.deks += deks;
    row.leaves.clear();
    census->Add(row.key_id, row.version, 0, deks);
    return OkStatus();
  }

  Status Store(store::Transaction& t) {
    std::vector<BatchRow> fresh, changed;
    for (auto& [id, entry] : rows_) {
      (entry.stored ? changed : fresh).push_back(std::move(entry.row));
    }
    SR_RETURN_IF_ERROR(t.deks().InsertBatches(fresh));
    return t.deks().UpdateBatches(changed);
  }

 private:
  struct Entry {
    BatchRow row;  // without DEKs until it is made
    bool stored = false;
  };
  std::map<Uuid, Entry> rows_;
};

}  // namespace

Status CheckTakesBatches(const std::vector<store::VersionRow>& versions,
                         uint32_t number) {
  const auto version =
      std::ranges::find(versions, number, &store::VersionRow::version);
  const bool in_use =
      version != versions.end() && (version->state == VersionState::kEnabled ||
                                    version->state == VersionState::kDisabled);
  if (in_use && !version->closed) return OkStatus();
  return Error(Reason::kConflict,
               "key version v" + std::to_string(number) +
                   " was taken out of use before its DEKs could be stored; "
                   "repeat the request: the newest version will serve it");
}

Status DekNotFound(const DekId& id) {
  return Error(Reason::kDekNotFound,
               "there is no registered DEK " + id.ToString() +
                   "; check the id, and the key if the request names one");
}

Status DekShredded(const DekId& id) {
  return Error(Reason::kDekShredded,
               "DEK " + id.ToString() +
                   " was shredded; it is not given out any more, whoever has a "
                   "copy");
}

Status CheckRequest(const store::RegistrationRow& row, const Uuid& key_id,
                    size_t deks) {
  if (row.key_id == key_id && row.ids.size() == deks) return OkStatus();
  return Error(Reason::kRequestIdReused,
               "request_id " + row.request_id.ToString() +
                   " was used for another request less than 24 hours ago; "
                   "want a new random one for each request");
}

bool IsRemembered(const store::RegistrationRow& row, WallTime now) {
  return row.made + kRequestMemory > now;
}

void CensusChange::Add(const Uuid& key_id, uint32_t version, int64_t batches,
                       int64_t deks) {
  store::CensusDelta& delta = deltas_[{key_id, version}];
  delta.key_id = key_id;
  delta.version = version;
  delta.batches += batches;
  delta.deks += deks;
}

Status CensusChange::Apply(store::Transaction& t) const {
  std::vector<store::CensusDelta> deltas;
  for (const auto& [of, delta] : deltas_) deltas.push_back(delta);
  return t.dependents().AddCensus(deltas);
}

StatusOr<Registered> InsertDeks(store::Transaction& t,
                                const Registration& registration,
                                WallTime now) {
  Registered result;
  if (registration.request_id) {
    SR_ASSIGN_OR_RETURN(std::optional<store::RegistrationRow> earlier,
                        t.deks().GetRegistration(registration.caller,
                                                 *registration.request_id));
    if (earlier && IsRemembered(*earlier, now)) {
      SR_RETURN_IF_ERROR(CheckRequest(*earlier, registration.key_id,
                                      registration.deks.size()));
      return Registered{std::move(earlier->ids), true};
    }
  }
  SR_ASSIGN_OR_RETURN(const std::vector<Parsed> parsed,
                      ParseHeaders(registration));
  SR_ASSIGN_OR_RETURN(const std::vector<store::VersionRow> versions,
                      t.VersionsOf(registration.key_id));
  CensusChange census;
  Batches batches;
  SR_RETURN_IF_ERROR(batches.Load(t, parsed));
  std::vector<store::DekRow> deks;
  deks.reserve(registration.deks.size());
  result.ids.reserve(registration.deks.size());
  for (const Parsed& one : parsed) {
    SR_RETURN_IF_ERROR(batches.Put(one, versions, &census));
    for (size_t i = 0; i < one.deks.size(); ++i) {
      const NewDek& dek = one.deks[i];
      const DekId id{one.header.batch_id, one.indices[i]};
      deks.push_back({.id = id,
                      .leaf = dek.leaf,
                      .labels = dek.labels,
                      .reference = dek.reference,
                      .created = now});
      result.ids.push_back(id);
    }
  }
  SR_RETURN_IF_ERROR(batches.Store(t));
  SR_RETURN_IF_ERROR(t.deks().InsertDeks(deks));
  SR_RETURN_IF_ERROR(census.Apply(t));
  if (registration.request_id) {
    SR_RETURN_IF_ERROR(
        t.deks().PutRegistration({.caller = registration.caller,
                                  .request_id = *registration.request_id,
                                  .key_id = registration.key_id,
                                  .ids = result.ids,
                                  .made = now}));
    SR_RETURN_IF_ERROR(
        t.deks().DropRegistrations(now - kRequestMemory, kForgetAtOnce));
  }
  return result;
}

Status RemoveDek(store::Transaction& t, const Uuid& key_id, const DekId& id) {
  SR_ASSIGN_OR_RETURN(std::optional<BatchRow> batch,
                      t.deks().GetBatch(id.batch_id));
  if (!batch || batch->key_id != key_id) return DekNotFound(id);
  SR_RETURN_IF_ERROR(t.deks().DeleteDek(id));
  CensusChange census;
  census.Add(key_id, batch->version, batch->deks == 1 ? -1 : 0, -1);
  if (--batch->deks == 0) {
    SR_RETURN_IF_ERROR(t.deks().DeleteBatch(id.batch_id));
  } else {
    batch->leaves.clear();
    SR_RETURN_IF_ERROR(t.deks().UpdateBatch(*batch));
  }
  return census.Apply(t);
}

}  // namespace strongroom::registry
