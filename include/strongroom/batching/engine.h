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
// under a lock of the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/metrics.h"
#include "strongroom/base/names.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/envelope/token.h"
#include "strongroom/hsm/device.h"
#include "strongroom/model/cost.h"
#include "strongroom/model/key.h"

namespace strongroom::batching {

using model::BatchPolicy;
using model::Cost;
using model::kMaxBatchAge;
using model::kMaxBatchItems;

// KekRef names the KEK of one key version at the moment it is asked for.
struct KekRef {
  Uuid key_id;
  uint32_t version = 0;
  Uuid kek;  // CKA_ID: the version's UUID
  BatchPolicy policy;
  // ForOpen's: the version counts as in use while a copy of it lives.
  std::shared_ptr<const void> use = nullptr;
};

// KekSource says which KEK may be used now. It is asked at the moment a token
// operation is about to start, not when the request came: so no seal starts
// under a version that has stopped being primary and ENABLED. Thread-safe,
// called under no lock, does not block on the disk in the common case.
class KekSource {
 public:
  virtual ~KekSource() = default;
  // Primary gives the version that ForSeal would name, counting nothing: for
  // the policy, and to see that a header needs no rewrap. Cheap.
  // KEY_NOT_FOUND, VERSION_STATE.
  virtual StatusOr<KekRef> Primary(const Uuid& key_id) = 0;
  // ForSeal gives the primary and counts one seal under it. KEY_NOT_FOUND,
  // VERSION_STATE, SEAL_LIMIT_REACHED, STORE_UNAVAILABLE.
  virtual StatusOr<KekRef> ForSeal(const Uuid& key_id) = 0;
  // ForOpen gives a version that may open. VERSION_NOT_FOUND, VERSION_STATE.
  virtual StatusOr<KekRef> ForOpen(const Uuid& key_id, uint32_t version) = 0;
  // SealIsCurrent: may a window opened under `kek` still seal? Cheap.
  virtual bool SealIsCurrent(const KekRef& kek) = 0;
};

// WorkClass says who goes first. Background work starts when no foreground work
// could, on all but a quarter of the sessions (at least one, of several), so
// that what comes next finds one free. If the foreground never leaves a
// session, the background still gets its share of the token operations.
enum class WorkClass { kForeground, kBackground };
inline constexpr size_t kWorkClasses = 2;

// Work common to the three kinds of request.
struct RequestBase {
  std::string caller;  // whose turn it takes; of one class
  SteadyTime deadline;
  WorkClass work_class = WorkClass::kForeground;
  // kBackground: percent of the token operations, kMinBackgroundShare to
  // kMaxBackgroundShare; 0: the engine's. Of several that wait, that of the
  // next counts for all of them together.
  int share = 0;
  Cost cost;  // out
};

struct SealItem {
  // In: the secret (size already checked), and its canonical context.
  SecretBytes secret;
  Bytes context;
  // Out, valid when status is OK: token = *header then leaf.
  Status status;
  std::shared_ptr<const Bytes> header;
  Bytes leaf;
  uint32_t key_version = 0;
};
struct SealRequest : RequestBase {
  Uuid key_id;
  envelope::Purpose purpose = envelope::Purpose::kWrappedDek;
  bool keep_secrets = false;  // else wiped once sealed
  std::vector<SealItem> items;
  std::function<void(std::unique_ptr<SealRequest>)> done;
};

struct OpenItem {
  // In.
  envelope::Token token;
  Bytes context;
  // An item that comes with a failure here is passed through untouched.
  Status status;
  // Out, valid when status is OK.
  SecretBytes secret;
};
struct OpenRequest : RequestBase {
  envelope::Purpose purpose = envelope::Purpose::kWrappedDek;
  std::vector<OpenItem> items;
  std::function<void(std::unique_ptr<OpenRequest>)> done;
};

struct RewrapItem {
  envelope::Header header;  // in; out when status is OK
  Status status;            // as in OpenItem
};
struct RewrapRequest : RequestBase {
  std::vector<RewrapItem> items;
  std::function<void(std::unique_ptr<RewrapRequest>)> done;
};

inline constexpr int kMinBackgroundShare = 1;
inline constexpr int kMaxBackgroundShare = 50;

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

class Engine {
 public:
  virtual ~Engine() = default;

  // Per item: OK, or what the KekSource or the Device said, or QUEUE_FULL (the
  // whole request, with a retry delay), DEADLINE_EXCEEDED (dropped before the
  // token saw it), NOT_AUTHENTIC (whatever is wrong with the data), DRAINING.
  virtual void Seal(std::unique_ptr<SealRequest> request) = 0;
  virtual void Open(std::unique_ptr<OpenRequest> request) = 0;
  virtual void Rewrap(std::unique_ptr<RewrapRequest> request) = 0;

  // EndWindows wipes the open batch keys of a key: on rotation and disabling.
  // When it returns, no leaf is sealed under them any more.
  virtual void EndWindows(const Uuid& key_id) = 0;

  // RunDue does what time asks for: wipes the windows whose age is over and
  // answers queued items whose deadline has passed. Called by the service's
  // timer; gives when to call again, at most 250 ms later.
  virtual SteadyTime RunDue() = 0;

  virtual EngineStats Stats() const = 0;

  // Shutdown refuses new work (DRAINING) and ends what is queued: true if all
  // of it was answered by `until`; what was not is answered DRAINING, also if
  // the token has it and answers later. Not to be called from a `done`. The
  // destructor does the same, at once.
  virtual bool Shutdown(SteadyTime until) = 0;
};

// CreateEngine: device, source, clock and metrics outlive it.
std::unique_ptr<Engine> CreateEngine(hsm::Device& device, KekSource& source,
                                     const Clock& clock, Metrics& metrics,
                                     const EngineOptions& options);

}  // namespace strongroom::batching
