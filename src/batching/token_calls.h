// TokenCalls: the batches that are on the token, and the bounds of their calls.
//
// Shutdown waits only so long for the token. It then abandons the batches that
// are here: each is answered in the token's place, and no other starts.
// Thread rule: every member may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "batching/work.h"
#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"
#include "strongroom/base/status.h"
#include "strongroom/hsm/device.h"

namespace strongroom::batching {

class TokenBatch;

class TokenCalls {
 public:
  // Device and clock outlive it.
  TokenCalls(hsm::Device& device, const Clock& clock,
             std::chrono::milliseconds max_call);
  ~TokenCalls();
  TokenCalls(const TokenCalls&) = delete;
  TokenCalls& operator=(const TokenCalls&) = delete;

  hsm::Device& device() { return device_; }
  // Deadline is the latest deadline of the slices, bounded by max_call.
  SteadyTime Deadline(const std::vector<Slice>& slices) const;
  // SealedSize is how many bytes the device makes of a batch key. Checked is
  // HSM_UNEXPECTED in place of a result of another size.
  size_t SealedSize() const;
  StatusOr<Bytes> Checked(StatusOr<Bytes> sealed) const;

  // Count counts an operation for the engine and for each request. Called
  // before the token call: afterwards the items may be their owner's again.
  void Count(const std::vector<Slice>& slices);
  // Enlist adds a batch before its first call; false if AbandonAll has run:
  // then nothing is to be asked of the token.
  bool Enlist(std::shared_ptr<TokenBatch> batch) SR_EXCLUDES(mutex_);
  // Strike removes a batch, if it is there.
  void Strike(const TokenBatch& batch) SR_EXCLUDES(mutex_);
  // AbandonAll abandons every batch that is here, with that status. It may run
  // `done`.
  void AbandonAll(const Status& status) SR_EXCLUDES(mutex_);
  bool abandoned() const { return abandoned_.load(); }

  uint64_t operations() const { return operations_.load(); }
  uint64_t batches() const { return batches_.load(); }

 private:
  using Batches =
      std::unordered_map<const TokenBatch*, std::shared_ptr<TokenBatch>>;

  hsm::Device& device_;
  const Clock& clock_;
  const std::chrono::milliseconds max_call_;
  std::atomic<uint64_t> operations_{0};
  std::atomic<uint64_t> batches_{0};
  std::atomic<bool> abandoned_{false};  // set under mutex_

  // Guards on_token_, and that nothing comes to it once abandoned_ is set.
  // Under it: nothing is called. Taken inside it: no other mutex.
  Mutex mutex_;
  Batches on_token_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::batching
