#include "batching/engine_parts.h"

#include <utility>

#include "batching/open_batch.h"
#include "batching/rewrap_batch.h"
#include "batching/seal_batch.h"

namespace strongroom::batching {

EngineParts::EngineParts(hsm::Device& device, KekSource& kek_source,
                         const Clock& steady_clock, Metrics& metrics_registry,
                         const EngineOptions& options)
    : source(kek_source),
      clock(steady_clock),
      metrics(metrics_registry),
      outstanding(std::make_shared<Outstanding>(clock)),
      answers(metrics, *outstanding, options.together),
      windows(source),
      window_sealer(windows, clock, answers),
      calls(device, clock, options.max_call),
      dispatcher(device.info().workers, options, clock, metrics, answers,
                 [this](Queues::Batch batch) { Start(std::move(batch)); }),
      intake(device.info().partial_batches, source, clock, *outstanding,
             answers, window_sealer, dispatcher) {}

void EngineParts::Start(Queues::Batch batch) {
  switch (batch.operation) {
    case Operation::kSeal:
      return SealBatch::Start(shared_from_this(), std::move(batch));
    case Operation::kOpen:
      return OpenBatch::Start(shared_from_this(), std::move(batch));
    case Operation::kRewrap:
      return RewrapBatch::Start(shared_from_this(), std::move(batch));
  }
}

}  // namespace strongroom::batching
