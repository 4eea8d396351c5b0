// CallQueue: the calls that wait for a worker.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "hsm/pkcs11/token_call.h"
#include "strongroom/base/metrics.h"

namespace strongroom::hsm {

// CallQueue gives urgent calls first, and of each kind the oldest. Not
// thread-safe. It tells `depth` its size at each change.
class CallQueue {
 public:
  using Calls = std::vector<std::shared_ptr<TokenCall>>;

  CallQueue(size_t limit, Gauge& depth) : limit_(limit), depth_(depth) {}

  size_t size() const { return urgent_.size() + calls_.size(); }
  bool HasRoomFor(const TokenCall& call) const {
    return call.urgent() || calls_.size() < limit_;
  }
  void Push(std::shared_ptr<TokenCall> call);
  // Pop must not be called on an empty queue.
  std::shared_ptr<TokenCall> Pop();
  // TakeLate takes out the calls whose deadline has come.
  Calls TakeLate(SteadyTime now);
  Calls TakeAll();
  // NextDeadline is SteadyTime::max() if the queue is empty.
  SteadyTime NextDeadline() const;

 private:
  void Tell() { depth_.Set(static_cast<double>(size())); }

  const size_t limit_;
  Gauge& depth_;
  std::deque<std::shared_ptr<TokenCall>> urgent_;
  std::deque<std::shared_ptr<TokenCall>> calls_;
};

}  // namespace strongroom::hsm
