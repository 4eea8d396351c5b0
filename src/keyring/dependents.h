// What stands in the way of a KEK's destruction.
#pragma once

#include "strongroom/keyring/keyring.h"
#include "strongroom/store/store.h"

namespace strongroom::keyring {

// LiveTraces is what this process knows of a version and the store does not
// yet: wraps that are reserved and not issued, and newer times.
struct LiveTraces {
  uint64_t unused = 0;
  std::optional<WallTime> last_issued;
  std::optional<WallTime> last_opened;
};

// CheckNothingDepends is DEKS_OUTSTANDING, with the count, if registered DEKs
// are wrapped under the version. Asked in the transaction that decides; from
// then on the version takes no more of them.
Status CheckNothingDepends(store::ReadTransaction& transaction,
                           const store::KeyRow& key, uint32_t version);

// CheckNothingUnregistered is UNREGISTERED_WRAPS, with what was seen, if the
// version may have issued wraps that are not registered, or callers claim to
// keep any.
Status CheckNothingUnregistered(store::ReadTransaction& transaction,
                                const store::KeyRow& key, uint32_t version,
                                const LiveTraces& live);

// TracesIn makes Traces of a version's row, or of none. What is live must have
// been taken before the row was read, lest a reservation between them counts
// too few; or in the same write transaction.
Traces TracesIn(const std::vector<store::UseRow>& rows, uint32_t version,
                const LiveTraces& live);

// MarkUncounted: nobody knows what was issued under the version.
Status MarkUncounted(store::Transaction& t, const store::VersionRow& version);

}  // namespace strongroom::keyring
