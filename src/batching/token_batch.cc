#include "batching/token_batch.h"

#include <utility>

#include "batching/refusals.h"

namespace strongroom::batching {

TokenBatch::TokenBatch(std::shared_ptr<EngineParts> parts, Queues::Batch batch)
    : parts_(std::move(parts)), batch_(std::move(batch)) {}

void TokenBatch::Abandon(const Status& status) {
  if (Claim()) FailToken(status);
}

bool TokenBatch::AwaitFirst() {
  parts_->calls.Count(batch_.slices);
  awaiting_.store(true);
  if (parts_->calls.Enlist(shared_from_this())) return true;
  Abandon(Draining());
  return false;
}

bool TokenBatch::AwaitNext() {
  parts_->calls.Count(batch_.slices);
  awaiting_.store(true);
  // AbandonAll either finds this batch awaiting, or is seen here.
  if (!parts_->calls.abandoned()) return true;
  Abandon(Draining());
  return false;
}

void TokenBatch::Leave() {
  parts_->dispatcher.Release(batch_);
  parts_->calls.Strike(*this);
}

}  // namespace strongroom::batching
