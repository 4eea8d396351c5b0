#include "batching/token_calls.h"

#include <algorithm>
#include <string>
#include <utility>

#include "batching/token_batch.h"
#include "strongroom/envelope/token.h"

namespace strongroom::batching {

TokenCalls::TokenCalls(hsm::Device& device, const Clock& clock,
                       std::chrono::milliseconds max_call)
    : device_(device), clock_(clock), max_call_(max_call) {}

TokenCalls::~TokenCalls() = default;

SteadyTime TokenCalls::Deadline(const std::vector<Slice>& slices) const {
  SteadyTime latest = SteadyTime::min();
  for (const Slice& slice : slices) {
    latest = std::max(latest, slice.work->deadline);
  }
  return std::min(latest, clock_.Steady() + max_call_);
}

size_t TokenCalls::SealedSize() const {
  return device_.info().iv_size + envelope::kBatchKeySize + envelope::kTagSize;
}

StatusOr<Bytes> TokenCalls::Checked(StatusOr<Bytes> sealed) const {
  if (!sealed.ok() || sealed->size() == SealedSize()) return sealed;
  return Error(Reason::kHsmUnexpected,
               "token gave a sealed batch key of " +
                   std::to_string(sealed->size()) + " bytes; want " +
                   std::to_string(SealedSize()) +
                   ": check iv_size of the device profile");
}

void TokenCalls::Count(const std::vector<Slice>& slices) {
  operations_.fetch_add(1, std::memory_order_relaxed);
  for (const Slice& slice : slices) slice.work->CountTokenOperation();
}

bool TokenCalls::Enlist(std::shared_ptr<TokenBatch> batch) {
  batches_.fetch_add(1, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  if (abandoned_.load()) return false;
  const TokenBatch* key = batch.get();
  on_token_.emplace(key, std::move(batch));
  return true;
}

void TokenCalls::Strike(const TokenBatch& batch) {
  Batches::node_type last;  // destroyed after the lock
  MutexLock lock(mutex_);
  last = on_token_.extract(&batch);
}

void TokenCalls::AbandonAll(const Status& status) {
  std::vector<std::shared_ptr<TokenBatch>> batches;
  {
    MutexLock lock(mutex_);
    abandoned_.store(true);
    for (const auto& [key, batch] : on_token_) batches.push_back(batch);
  }
  for (const auto& batch : batches) batch->Abandon(status);
}

}  // namespace strongroom::batching
