#include "batching/seal_leaves.h"

#include <optional>
#include <utility>

#include "strongroom/base/random.h"
#include "strongroom/batching/leaf_cipher.h"

namespace strongroom::batching {
namespace {

void SealItemLeaf(const SealRequest& request, LeafSealer* sealer,
                  SealItem* item) {
  if (!item->status.ok()) return;
  item->status =
      sealer->Seal(item->context, item->secret.Expose(), &item->leaf);
  if (!request.keep_secrets) item->secret.Wipe();
}

}  // namespace

Status SealLeaves(const SecretBytes& batch_key, const Uuid& key_id,
                  const Uuid& batch_id, uint32_t first_index,
                  std::vector<Slice>& slices) {
  // From getrandom at this moment. Nonces are (salt, index), and no index of a
  // batch is given out twice; the salt guards against a fault in that.
  LeafSalt salt;
  FillRandom(salt);
  std::optional<LeafSealer> sealer;
  std::optional<envelope::Purpose> purpose;
  for (Slice& slice : slices) {
    SealRequest& request = *static_cast<SealWork&>(*slice.work).request;
    if (purpose != request.purpose) {
      // Another purpose goes on counting where the last one stopped.
      if (sealer) first_index = sealer->next_index();
      SR_ASSIGN_OR_RETURN(
          LeafSealer next,
          LeafSealer::Create(batch_key, key_id, batch_id, request.purpose, salt,
                             first_index));
      sealer.emplace(std::move(next));
      purpose = request.purpose;
    }
    for (uint32_t i = slice.begin; i < slice.end; ++i) {
      SealItemLeaf(request, &*sealer, &request.items[i]);
    }
  }
  return OkStatus();
}

void GiveHeader(const std::shared_ptr<const Bytes>& header, uint32_t version,
                std::vector<Slice>& slices) {
  ForEachItem<SealWork>(slices, [&](SealWork& work, uint32_t i) {
    SealItem& item = work.request->items[i];
    if (!item.status.ok()) return;
    item.header = header;
    item.key_version = version;
  });
}

}  // namespace strongroom::batching
