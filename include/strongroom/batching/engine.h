// The engine: many requests become one token operation.
//
// Sealing: items of one key that wait together share a batch key; the token
// seals the batch key once (the header), software seals each secret under it
// (the leaves). Opening: items whose headers are equal in every byte share one
// token operation. Rewrapping: one open and one seal for each distinct header.
//
// Requests queue by caller, then by key; turns are taken by deficit round robin
// charged in token operations. An idle key starts at once; per key at most
// `partial_batches` batches that are not full are in flight. Background work
// takes what the foreground leaves, and at least its share (WorkClass).
//
// Thread rule: every member may be called from any thread. A request belongs to
// the engine from its submission until its `done` runs; `done` runs exactly
// once, on any thread, possibly before the submitting call returns, and never
// under a lock of the engine. The engine has no thread of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "strongroom/base/clock.h"
#include "strongroom/base/metrics.h"
#include "strongroom/base/names.h"
#include "strongroom/batching/kek_source.h"
#include "strongroom/batching/requests.h"
#include "strongroom/hsm/device.h"

namespace strongroom::batching {

struct EngineOptions {
  // Of each class; beyond: QUEUE_FULL, at once. A foreground that fills its
  // queue keeps nothing of the background out.
  size_t max_queued_items = 65536;
  size_t max_queued_bytes = 256u << 20;
  int background_share = 10;                   // percent, as in RequestBase
  std::chrono::milliseconds retry_after{100};  // told with QUEUE_FULL
  // A token call may take until the latest deadline of its items, but no
  // longer than this.
  std::chrono::milliseconds max_call{10000};
  // Called with what runs the `done`s of one batch, which it runs once before
  // it returns: so that what they have in common can be done once.
  std::function<void(const std::function<void()>&)> together;
};

struct EngineStats {
  uint64_t token_operations = 0;
  uint64_t items_sealed = 0;
  uint64_t items_opened = 0;
  uint64_t batches = 0;
  size_t queued_items = 0;
  size_t open_windows = 0;
};

struct EngineParts;

class Engine {
 public:
  // Device, source, clock and metrics outlive the engine.
  Engine(hsm::Device& device, KekSource& source, const Clock& clock,
         Metrics& metrics, const EngineOptions& options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  // Shuts down at once: answers DRAINING to each request that is left.
  ~Engine();

  // Each item's status is OK, or what the KekSource or the Device said, or
  // QUEUE_FULL (the whole request, with a retry delay), DEADLINE_EXCEEDED
  // (dropped before the token saw it), NOT_AUTHENTIC (whatever is wrong with
  // the data), DRAINING.
  void Seal(std::unique_ptr<SealRequest> request);
  void Open(std::unique_ptr<OpenRequest> request);
  void Rewrap(std::unique_ptr<RewrapRequest> request);

  // EndWindows wipes the open batch keys of a key: on rotation and disabling.
  // When it returns, no leaf is sealed under them any more. It waits for
  // threads that seal leaves at this moment, and for nothing else.
  void EndWindows(const Uuid& key_id);

  // RunDue wipes the windows whose age is over and answers queued items whose
  // deadline has passed. The service's timer calls it. Returns when to call
  // again, at most 250 ms later.
  SteadyTime RunDue();

  EngineStats Stats() const;

  // Shutdown refuses new work (DRAINING) and ends what is queued. Returns true
  // if all of it was answered by `until`. The rest is answered DRAINING, also
  // if the token has it and answers later. Not to be called from a `done`.
  bool Shutdown(SteadyTime until);

 private:
  // Shared with the batches on the token: a token call may end after this.
  const std::shared_ptr<EngineParts> parts_;
};

}  // namespace strongroom::batching
