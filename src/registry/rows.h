// Which registered rows change together: batches, DEKs and the census.
//
// Each runs inside a transaction that the caller commits or not.
#pragma once

#include <map>
#include <utility>

#include "strongroom/registry/registry.h"

namespace strongroom::registry {

// CensusChange gathers what a transaction adds and takes, so that each version
// is written once. It reads no count, and so waits for nobody who counts.
class CensusChange {
 public:
  void Add(const Uuid& key_id, uint32_t version, int64_t batches, int64_t deks);
  Status Apply(store::Transaction& t) const;

 private:
  std::map<std::pair<Uuid, uint32_t>, store::CensusDelta> deltas_;
};

// InsertDeks registers; failures as Registry::Register.
StatusOr<Registered> InsertDeks(store::Transaction& t,
                                const Registration& registration, WallTime now);
// RemoveDek takes one DEK out. DEK_NOT_FOUND if the key has none of this id.
Status RemoveDek(store::Transaction& t, const Uuid& key_id, const DekId& id);

// StoreReport replaces a caller's claims; failures as Registry::Report.
Status StoreReport(store::Transaction& t, const Uuid& key_id,
                   const std::string& caller, const std::string& source,
                   std::span<const Claimed> claimed, WallTime now);

// CheckTakesBatches is CONFLICT if a version is on its way to destruction, or
// was emptied by a rewrap job: it gets nothing that depends on it, so that what
// was decided then stays true.
Status CheckTakesBatches(const std::vector<store::VersionRow>& versions,
                         uint32_t number);

// DekNotFound, DekShredded: one wording each.
Status DekNotFound(const DekId& id);
Status DekShredded(const DekId& id);
// CheckRequest is REQUEST_ID_REUSED if the row was made by another request.
Status CheckRequest(const store::RegistrationRow& row, const Uuid& key_id,
                    size_t deks);
bool IsRemembered(const store::RegistrationRow& row, WallTime now);

}  // namespace strongroom::registry
