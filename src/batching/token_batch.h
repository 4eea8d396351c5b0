// TokenBatch: items on their way through the token.
//
// Either the token answers or, when Shutdown waits no longer, Abandon answers
// in its place. Both claim the answer first: one gets it, the other leaves the
// items alone.
// Thread rule: Abandon may be called from any thread. The rest is for the one
// thread that has the batch: the one that starts it, then the device's.
#pragma once

#include <atomic>
#include <memory>

#include "batching/engine_parts.h"
#include "batching/queues.h"
#include "strongroom/base/status.h"

namespace strongroom::batching {

class TokenBatch : public std::enable_shared_from_this<TokenBatch> {
 public:
  TokenBatch(std::shared_ptr<EngineParts> parts, Queues::Batch batch);
  TokenBatch(const TokenBatch&) = delete;
  TokenBatch& operator=(const TokenBatch&) = delete;
  virtual ~TokenBatch() = default;

  // Abandon answers `status` if the token has not answered.
  void Abandon(const Status& status);

 protected:
  // FailToken acts as if the token had failed so.
  virtual void FailToken(const Status& status) = 0;

  // AwaitFirst and AwaitNext come before each token call, and count it. False:
  // the engine abandons its batches, this one has been answered, and the token
  // is not to be called.
  bool AwaitFirst();
  bool AwaitNext();
  // Claim is true for the first to answer the call that is awaited.
  bool Claim() { return awaiting_.exchange(false); }
  // Leave gives back the place on the token; once.
  void Leave();

  const std::shared_ptr<EngineParts> parts_;
  Queues::Batch batch_;

 private:
  std::atomic<bool> awaiting_{false};
};

}  // namespace strongroom::batching
