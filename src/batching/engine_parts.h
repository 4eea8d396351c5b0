// EngineParts: the objects of the engine, and the way between them.
//
//   Intake ----> Dispatcher ----> SealBatch, OpenBatch, RewrapBatch
//     |           (Queues)          |    |          |
//     +--> WindowSealer             |    +--> TokenCalls --> the device
//            (Windows) <------------+
//                     all of them ----> Answers ----> `done`
//
// The Engine and every batch on the token share the parts, so a token call that
// ends after the engine is gone finds them still there.
//
// There are four mutexes, each a member of the part whose data it guards:
// Dispatcher, TokenCalls, Windows, Outstanding. No thread holds two of them,
// and under none of them is the device, the KekSource or `done` called.
#pragma once

#include <memory>

#include "batching/answers.h"
#include "batching/dispatcher.h"
#include "batching/engine_metrics.h"
#include "batching/intake.h"
#include "batching/outstanding.h"
#include "batching/token_calls.h"
#include "batching/window_sealer.h"
#include "batching/windows.h"
#include "strongroom/base/clock.h"
#include "strongroom/batching/engine.h"

namespace strongroom::batching {

struct EngineParts : std::enable_shared_from_this<EngineParts> {
  EngineParts(hsm::Device& device, KekSource& kek_source,
              const Clock& steady_clock, Metrics& metrics_registry,
              const EngineOptions& options);

  // Start starts a batch that the dispatcher gives out, on this thread.
  void Start(Queues::Batch batch);

  KekSource& source;
  const Clock& clock;
  EngineMetrics metrics;
  const std::shared_ptr<Outstanding> outstanding;
  Answers answers;
  Windows windows;
  WindowSealer window_sealer;
  TokenCalls calls;
  Dispatcher dispatcher;
  Intake intake;
};

}  // namespace strongroom::batching
