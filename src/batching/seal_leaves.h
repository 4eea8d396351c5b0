// SealLeaves seals the secrets of some items under one batch key.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "batching/work.h"
#include "strongroom/base/bytes.h"
#include "strongroom/base/names.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::batching {

// SealLeaves gives the leaves the indices from first_index on, under one fresh
// salt; the caller owns that range of the batch. An item whose secret cannot be
// sealed gets its own failure; a failure returned holds for all. Secrets are
// wiped unless their request keeps them. Thread-safe.
Status SealLeaves(const SecretBytes& batch_key, const Uuid& key_id,
                  const Uuid& batch_id, uint32_t first_index,
                  std::vector<Slice>& slices);

// GiveHeader gives every item that was sealed the header over its leaf.
void GiveHeader(const std::shared_ptr<const Bytes>& header, uint32_t version,
                std::vector<Slice>& slices);

}  // namespace strongroom::batching
