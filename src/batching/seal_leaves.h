// SealLeaves seals the secrets of some items under one batch key.
#pragma once

#include <vector>

#include "batching/work.h"

namespace strongroom::batching {

// SealLeaves gives the leaves the indices from first_index on, under one fresh
// salt; the caller owns that range of the batch. An item whose secret cannot be
// sealed gets its own failure; a failure returned holds for all. Secrets are
// wiped unless their request keeps them. Thread-safe.
Status SealLeaves(const SecretBytes& batch_key, const Uuid& key_id,
                  const Uuid& batch_id, uint32_t first_index,
                  std::vector<Slice>& slices);

}  // namespace strongroom::batching
