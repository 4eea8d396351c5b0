// DataKeyCache: DEKs held in memory for a while, so that many small objects
// (the rows of a table) cost one call to the service together.
//
// The price: for at most `max_age` a DEK works here after its key version was
// disabled, it was shredded, or this caller lost the right; and objects under
// one DEK are shredded together. docs/envelope.md says when it is worth that.
// The DEKs are for sealing by the application: an envelope has a DEK of its
// own.
// Thread rule: thread-safe; no lock is held during a call to the service.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string_view>

#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/client/client.h"

namespace strongroom::client {

struct DataKeyLimits {
  // Of a DEK that seals: objects, and their bytes in all. AES-GCM with random
  // 96-bit nonces wants at most 2^32 objects (SP 800-38D, 8.3).
  uint64_t max_uses = uint64_t{1} << 20;
  uint64_t max_bytes = uint64_t{1} << 36;
  // From just before the service was asked, for sealing and opening.
  std::chrono::milliseconds max_age = std::chrono::minutes(5);
  size_t max_entries = 1000;  // beyond: the oldest leaves
};

class DataKeyCache {
 public:
  // `client` and `clock` outlive it.
  explicit DataKeyCache(Client& client, const DataKeyLimits& limits = {},
                        const Clock& clock = Clock::System())
      : client_(client), limits_(limits), clock_(clock) {}
  DataKeyCache(const DataKeyCache&) = delete;
  DataKeyCache& operator=(const DataKeyCache&) = delete;

  // The DEK is wiped when its last holder releases it, in the cache or not.
  // Hold it for one object.
  using Held = std::shared_ptr<const DataKey>;

  // ForSealing gives a 32-byte DEK of `key` to seal one object of `bytes`
  // bytes. Keep its wrapped_dek with the object. Calls GenerateDataKey if the
  // cached DEK is too old or has no room; concurrent callers share one call and
  // its result. ARGUMENT_INVALID for more than max_bytes; CONTEXT_INVALID;
  // failures of GenerateDataKey, which are not cached.
  StatusOr<Held> ForSealing(std::string_view key, const Context& context,
                            uint64_t bytes);

  // ForOpening gives the DEK of `wrapped_dek`; uses and bytes are not limited.
  // A DEK from ForSealing needs no call if `expected_key` is its key.
  // CONTEXT_INVALID; failures of Unwrap.
  StatusOr<Held> ForOpening(ByteView wrapped_dek, const Context& context,
                            std::string_view expected_key = {});

  // DropOld drops the DEKs that are too old, as every other call does. It is
  // for applications that are idle for long.
  void DropOld() SR_EXCLUDES(mutex_);
  // Clear drops all entries. Calls under way return their DEK and do not cache
  // it.
  void Clear() SR_EXCLUDES(mutex_);

 private:
  // One call to the service, for all who wait for it.
  struct Flight {
    bool landed = false;
    Status status;
  };
  // A wanted DEK. Its name is made of everything that the DEK depends on.
  struct Request {
    Bytes name;
    bool seals = false;
    uint64_t bytes = 0;
    std::function<StatusOr<DataKey>()> fetch;
    // The name under which a DEK that was made for sealing is opened.
    std::function<Bytes(const DataKey&)> opening_name;
  };
  // Ordered by the end of their time.
  using ByEnd = std::multimap<SteadyTime, Bytes>;
  struct Entry {
    Held held;
    uint64_t uses = 0;
    uint64_t bytes = 0;
    ByEnd::iterator end;
  };

  StatusOr<Held> Get(const Request& request) SR_EXCLUDES(mutex_);
  StatusOr<Held> Fetch(const Request& request, Flight* flight)
      SR_EXCLUDES(mutex_);
  // Take gives an entry with room for the request, and counts it.
  Held Take(const Request& request) SR_REQUIRES(mutex_);
  void Insert(const Bytes& name, Held held, SteadyTime end, uint64_t bytes)
      SR_REQUIRES(mutex_);
  void Drop(const Bytes& name) SR_REQUIRES(mutex_);
  void DropOldLocked() SR_REQUIRES(mutex_);

  Client& client_;
  const DataKeyLimits limits_;
  const Clock& clock_;

  Mutex mutex_;
  CondVar landed_;
  std::map<Bytes, Entry> entries_ SR_GUARDED_BY(mutex_);
  ByEnd by_end_ SR_GUARDED_BY(mutex_);
  std::map<Bytes, std::shared_ptr<Flight>> flights_ SR_GUARDED_BY(mutex_);
  uint64_t clears_ SR_GUARDED_BY(mutex_) = 0;
};

}  // namespace strongroom::client
