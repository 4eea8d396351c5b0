// TokenBatch: items on their way through the token.
//
// Whoever answers first decides: the token, or Shutdown in its place when it
// waits no longer. Claim picks one; the loser leaves the items alone.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "batching/core.h"
#include "batching/queues.h"

namespace strongroom::batching {

class TokenBatch : public std::enable_shared_from_this<TokenBatch> {
 public:
  TokenBatch(std::shared_ptr<Core> core, Queues::Batch batch)
      : core_(std::move(core)), batch_(std::move(batch)) {}
  TokenBatch(const TokenBatch&) = delete;
  TokenBatch& operator=(const TokenBatch&) = delete;
  virtual ~TokenBatch() = default;

  // Abandon answers `status` if the token has not answered.
  void Abandon(const Status& status) {
    if (Claim()) FailToken(status);
  }

 protected:
  // FailToken acts as if the token had failed so.
  virtual void FailToken(const Status& status) = 0;

  // Await comes before each token call.
  void Await() { awaiting_.store(true); }
  bool Claim() { return awaiting_.exchange(false); }

  const std::shared_ptr<Core> core_;
  Queues::Batch batch_;

 private:
  std::atomic<bool> awaiting_{false};
};

// Each starts a batch that Queues gave out, on this thread.
void StartSeal(std::shared_ptr<Core> core, Queues::Batch batch);
void StartOpen(std::shared_ptr<Core> core, Queues::Batch batch);
void StartRewrap(std::shared_ptr<Core> core, Queues::Batch batch);

}  // namespace strongroom::batching
