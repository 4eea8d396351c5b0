// Registry: the DEKs that the service keeps (docs/formats.md, section 3), and
// the census of what depends on each key version.
//
// Registering calls that wait together are written in one transaction by one
// thread (group commit). Rows and census change in the same transaction, so the
// census is exact at any time. A shredded DEK is refused from the moment Shred
// returns, for ever, whoever kept a copy of its token string.
// Thread rule: thread-safe. Register is asynchronous: its `done` runs exactly
// once, on the writer's thread or at once. The rest blocks on the disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/metrics.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "strongroom/envelope/token.h"
#include "strongroom/store/store.h"

namespace strongroom::registry {

using store::DekId;

// How long a request_id is remembered.
inline constexpr std::chrono::hours kRequestMemory{24};

// NewDek is a wrapped DEK as the engine gave it. DEKs of one batch that follow
// one another share their header object.
struct NewDek {
  std::shared_ptr<const Bytes> header;
  Bytes leaf;
  Labels labels;
  std::string reference;
};
struct Registration {
  std::string caller;
  Uuid key_id;
  std::optional<Uuid> request_id;
  std::vector<NewDek> deks;
};
// Registered has one id for each DEK, in order. Replayed: the ids are those
// that the same request_id made before, and nothing was registered now.
struct Registered {
  std::vector<DekId> ids;
  bool replayed = false;
};

// Held is a registered DEK as found by its id.
struct Held {
  // DEK_NOT_FOUND, DEK_SHREDDED, STORE_CORRUPT (rows that disagree).
  Status status;
  Uuid key_id;            // nil if the id is unknown
  envelope::Token token;  // if OK, and so are these
  Labels labels;
  std::string reference;
};

struct DekInfo {
  DekId id;
  uint32_t version = 0;  // under which the batch is sealed now
  Labels labels;
  std::string reference;
  WallTime created{};
};
struct DekFilter {
  uint32_t version = 0;  // 0: any
  Labels labels;         // all must be there with this value
};
struct DekPage {
  std::vector<DekInfo> deks;
  // Where the next page begins; none: this was the last one. A page may have
  // fewer DEKs than asked for, even none, and not be the last.
  std::optional<DekId> next_after;
};

// What a caller may report of a key.
inline constexpr size_t kMaxClaimsOfCaller = 256;  // rows
inline constexpr size_t kMaxSourcesOfCaller = 16;
inline constexpr size_t kMaxClaimsOfKey = 4096;
inline constexpr uint64_t kMaxClaimedObjects = 1'000'000'000'000'000;
struct Claimed {
  uint32_t version = 0;
  uint64_t objects = 0;
};

struct RegistryOptions {
  size_t max_waiting_deks = 65536;  // beyond: QUEUE_FULL
  size_t max_group_deks = 16384;    // written in one transaction
};

class Registry {
 public:
  virtual ~Registry() = default;  // as Shutdown

  // Register stores DEKs, all or none. CONFLICT if the version that sealed one
  // is about to be destroyed, or is (seal again); REQUEST_ID_REUSED if the
  // request_id was used with another key or another number of DEKs;
  // ARGUMENT_INVALID for labels or references; QUEUE_FULL; STORE_*; DRAINING.
  virtual void Register(Registration registration,
                        std::function<void(StatusOr<Registered>)> done) = 0;
  // FindRequest gives what a request_id made, if it did so in the last 24
  // hours. REQUEST_ID_REUSED as above, STORE_*.
  virtual StatusOr<std::optional<std::vector<DekId>>> FindRequest(
      const std::string& caller, const Uuid& request_id, const Uuid& key_id,
      size_t deks) = 0;

  // Find looks up all ids in one read; one answer each, in order. STORE_*.
  virtual StatusOr<std::vector<Held>> Find(std::span<const DekId> ids) = 0;
  // CheckNotShredded is DEK_SHREDDED, or OK. Touches no disk, and while nothing
  // was ever shredded costs one load.
  virtual Status CheckNotShredded(const DekId& id) const = 0;

  // DEK_NOT_FOUND if the key has no such DEK (any more), DEK_SHREDDED; STORE_*.
  virtual StatusOr<DekInfo> Describe(const Uuid& key_id, const DekId& id) = 0;
  virtual StatusOr<DekPage> List(const Uuid& key_id, const DekFilter& filter,
                                 const std::optional<DekId>& after,
                                 size_t limit) = 0;
  // Census gives what is registered under each version, by number; a version
  // that never had anything is left out.
  virtual StatusOr<std::vector<store::CensusRow>> Census(
      const Uuid& key_id) = 0;
  // Report keeps what a caller says that it has under a key's versions, in
  // place of what it said of the same source before; it is nothing but a claim.
  // VERSION_NOT_FOUND, ARGUMENT_INVALID (bounds above; a version twice; a
  // source that is empty, over 256 bytes or not UTF-8), STORE_*.
  virtual Status Report(const Uuid& key_id, const std::string& caller,
                        const std::string& source,
                        std::span<const Claimed> claimed) = 0;
  virtual StatusOr<std::vector<store::ClaimRow>> Claims(const Uuid& key_id) = 0;
  // Delete forgets a DEK. A copy of its token string still opens.
  virtual Status Delete(const Uuid& key_id, const DekId& id) = 0;
  // Shred erases the leaf and leaves a tombstone. OK also if it was shredded
  // before. A DEK that was registered under the key and deleted since, or never
  // registered, is DEK_NOT_FOUND.
  virtual Status Shred(const Uuid& key_id, const DekId& id) = 0;

  // Shutdown writes what waits and refuses the rest (DRAINING).
  virtual void Shutdown() = 0;
};

// OpenRegistry reads the tombstones and starts the writer. Everything given
// outlives the registry. STORE_*.
StatusOr<std::unique_ptr<Registry>> OpenRegistry(store::Store& store,
                                                 const Clock& clock,
                                                 Metrics& metrics,
                                                 RegistryOptions options = {});

}  // namespace strongroom::registry
