#include "registry/shredded_set.h"

#include <algorithm>

namespace strongroom::registry {

void ShreddedSet::Add(const store::DekId& id) {
  Shard& shard = shards_[ShardOf(id)];
  {
    MutexLock lock(shard.mutex);
    std::vector<uint32_t>& indices = shard.indices[id.batch_id];
    const auto at = std::ranges::lower_bound(indices, id.index);
    if (at == indices.end() || *at != id.index) indices.insert(at, id.index);
  }
  empty_.store(false, std::memory_order_release);
}

bool ShreddedSet::Contains(const store::DekId& id) const {
  if (empty_.load(std::memory_order_acquire)) return false;
  const Shard& shard = shards_[ShardOf(id)];
  MutexLock lock(shard.mutex);
  const auto found = shard.indices.find(id.batch_id);
  return found != shard.indices.end() &&
         std::ranges::binary_search(found->second, id.index);
}

}  // namespace strongroom::registry
