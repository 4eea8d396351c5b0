#include "keyring/dependents.h"

#include <string>

namespace strongroom::keyring {

Status CheckNothingDepends(store::ReadTransaction& transaction,
                           const store::KeyRow& key, uint32_t version) {
  SR_ASSIGN_OR_RETURN(const std::vector<store::CensusRow> census,
                      transaction.registered().CensusOf(key.id));
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

}  // namespace strongroom::keyring
