// Intake: how requests come in. It answers what needs no token, cuts the rest
// into slices that one token operation can serve, and queues those.
// Thread rule: every member may be called from any thread that has a Hold of
// `outstanding`, under no lock: each may start batches or run `done`.
#pragma once

#include <memory>

#include "batching/answers.h"
#include "batching/dispatcher.h"
#include "batching/outstanding.h"
#include "batching/window_sealer.h"
#include "strongroom/base/clock.h"
#include "strongroom/batching/kek_source.h"
#include "strongroom/batching/requests.h"

namespace strongroom::batching {

class Intake {
 public:
  // The references outlive it. `max_partial`: of one key, batches in flight
  // that are not full.
  Intake(int max_partial, KekSource& source, const Clock& clock,
         Outstanding& outstanding, Answers& answers, WindowSealer& windows,
         Dispatcher& dispatcher);

  // Engine's members of these names.
  void Seal(std::unique_ptr<SealRequest> request);
  void Open(std::unique_ptr<OpenRequest> request);
  void Rewrap(std::unique_ptr<RewrapRequest> request);

 private:
  template <typename WorkType, typename HeaderOf>
  void QueueByHeader(std::shared_ptr<WorkType> work, HeaderOf header_of);

  const int max_partial_;
  KekSource& source_;
  const Clock& clock_;
  Outstanding& outstanding_;
  Answers& answers_;
  WindowSealer& windows_;
  Dispatcher& dispatcher_;
};

}  // namespace strongroom::batching
