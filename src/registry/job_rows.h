// What a rewrap job reads and writes in the store.
#pragma once

#include <optional>
#include <vector>

#include "strongroom/registry/jobs.h"

namespace strongroom::registry {

// SourcesOf gives the census of the versions that a job is to empty, by number:
// those below the primary (of `from`, if it names any) that have batches.
StatusOr<std::vector<store::CensusRow>> SourcesOf(
    store::ReadTransaction& t, const Uuid& key_id,
    const std::vector<uint32_t>& from);

// ViewOf is the job with what is left for it to do.
StatusOr<Job> ViewOf(store::ReadTransaction& t, store::JobRow row);

std::vector<Uuid> IdsOf(const std::vector<store::BatchRow>& batches);

// NoteLeaves digests the leaves of batches whose rows do not say what they are:
// those that came in parts, or lost a DEK, or are older than such digests. Rows
// that are gone are left out of `batches`.
Status NoteLeaves(store::Transaction& t, std::vector<store::BatchRow>* batches);

// A batch and what the token made of its header.
struct MovedBatch {
  store::BatchRow before;
  envelope::Header header;
  Status status;
};
// IsFinal: will the same failure come again, however often it is tried?
bool IsFinal(const Status& failure);
// StoreMoved writes one chunk: moved batches, the census, final failures, and
// counts them in the job's row. What was changed or deleted since it was read
// is left alone. CONFLICT if a target takes no batches any more.
Status StoreMoved(store::Transaction& t, const std::vector<MovedBatch>& moved,
                  WallTime now, store::JobRow* job);

// StoreEnd ends the job if nothing is left, or only what cannot be moved, and
// closes the versions that are empty. False if there is more to do.
StatusOr<bool> StoreEnd(store::Transaction& t, WallTime now,
                        store::JobRow* job);

}  // namespace strongroom::registry
