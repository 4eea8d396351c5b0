// ShreddedSet: the ids that are refused for ever, in memory.
#pragma once

#include <array>
#include <atomic>
#include <unordered_map>
#include <vector>

#include "strongroom/base/mutex.h"
#include "strongroom/store/deks.h"

namespace strongroom::registry {

// Thread-safe. An empty set costs one load to ask; else one short lock of many.
class ShreddedSet {
 public:
  void Add(const store::DekId& id);
  bool Contains(const store::DekId& id) const;

 private:
  struct Shard {
    mutable Mutex mutex;
    std::unordered_map<Uuid, std::vector<uint32_t>> indices
        SR_GUARDED_BY(mutex);
  };
  static constexpr size_t kShards = 64;
  // Batch ids are random: any byte of them tells the shards apart evenly.
  static size_t ShardOf(const store::DekId& id) {
    return id.batch_id.array()[0] % kShards;
  }

  std::atomic<bool> empty_{true};
  std::array<Shard, kShards> shards_;
};

}  // namespace strongroom::registry
