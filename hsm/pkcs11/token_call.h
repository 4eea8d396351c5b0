// TokenCall: one piece of work that a worker does on the token.
#pragma once

#include "hsm/pkcs11/token_link.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/status.h"

namespace strongroom::hsm {

// TokenCall is one piece of work. Exactly one of Answer and Refuse is called,
// once, outside every lock. Refuse may come while Run hangs on another thread:
// then what Run finds is thrown away.
class TokenCall {
 public:
  TokenCall(SteadyTime deadline, bool urgent)
      : deadline_(deadline), urgent_(urgent) {}
  virtual ~TokenCall() = default;
  virtual void Run(WorkerSession& worker) = 0;
  virtual void Answer() = 0;
  virtual void Refuse(Status why) = 0;

  SteadyTime deadline() const { return deadline_; }
  // Urgent calls go first and do not count against the queue's limit: a thread
  // blocks for each, which bounds them.
  bool urgent() const { return urgent_; }

 private:
  const SteadyTime deadline_;
  const bool urgent_;
};

}  // namespace strongroom::hsm
