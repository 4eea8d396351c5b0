#include "service/adapt.h"

namespace strongroom::service {
model::Job AsModel(const registry::Job& job) {
  model::Job out;
  const store::JobRow& row = job.row;
  out.id = row.id;
  out.state = static_cast<model::JobState>(row.state);
  out.options = {row.from, row.batches_per_second, row.min_share};
  out.created_by = row.created_by;
  out.created = row.created;
  out.updated = row.updated;
  if (model::HasEnded(out.state)) out.finished = row.finished;
  out.batches_total = row.batches_total;
  out.deks_total = row.deks_total;
  out.batches_moved = row.batches_moved;
  out.deks_moved = row.deks_moved;
  out.failure_count = row.failures;
  out.waits_for = row.waits_for;
  out.batches_left = job.batches_left;
  out.deks_left = job.deks_left;
  for (const store::JobFailureRow& failure : job.failures) {
    out.failures.push_back({failure.batch_id, failure.reason, failure.message});
  }
  return out;
}

model::Dek AsModel(const registry::DekInfo& dek) {
  return {dek.id, dek.version, {dek.labels, dek.reference}, dek.created};
}

registry::JobOptions FromModel(const model::JobOptions& options) {
  return {options.from, options.batches_per_second, options.min_share};
}

}  // namespace strongroom::service
