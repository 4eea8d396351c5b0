#include "batching/open_batch.h"

#include <utility>

#include "batching/refusals.h"
#include "strongroom/batching/leaf_cipher.h"

namespace strongroom::batching {
namespace {

const envelope::Header& HeaderOf(const Slice& slice) {
  const auto& work = static_cast<const OpenWork&>(*slice.work);
  return work.request->items[slice.item(slice.begin)].token.header;
}

void OpenOne(LeafOpener& opener, OpenItem* item) {
  StatusOr<SecretBytes> secret = opener.Open(item->token.leaf, item->context);
  if (secret.ok()) {
    item->secret = *std::move(secret);
  } else {
    item->status = Reworded(secret.status());
  }
}

}  // namespace

void OpenBatch::Start(std::shared_ptr<EngineParts> parts, Queues::Batch batch) {
  const envelope::Header& header = HeaderOf(batch.slices.front());
  // All items have this header, so one answer, given now, holds for each.
  StatusOr<KekRef> kek =
      parts->source.ForOpen(header.key_id, header.key_version);
  if (!kek.ok()) {
    parts->dispatcher.Release(batch);
    return parts->answers.Fail(std::move(batch.slices), kek.status());
  }
  std::make_shared<OpenBatch>(std::move(parts), std::move(batch), *kek)->Run();
}

OpenBatch::OpenBatch(std::shared_ptr<EngineParts> parts, Queues::Batch batch,
                     const KekRef& kek)
    : TokenBatch(std::move(parts), std::move(batch)),
      kek_(kek.kek),
      use_(kek.use) {}

void OpenBatch::Run() {
  auto self = std::static_pointer_cast<OpenBatch>(shared_from_this());
  const envelope::Header& header = HeaderOf(batch_.slices.front());
  // Copied: once the call is abandoned the items are their owner's again.
  const Bytes sealed = header.sealed;
  const auto aad = envelope::HeaderAad(header.key_id, header.key_version,
                                       header.batch_id, sealed.size());
  const SteadyTime deadline = parts_->calls.Deadline(batch_.slices);
  if (!AwaitFirst()) return Leave();
  parts_->calls.device().Open(kek_, aad, sealed, deadline,
                              [self](StatusOr<SecretBytes> batch_key) {
                                self->TokenDone(std::move(batch_key));
                              });
}

void OpenBatch::FailToken(const Status& status) {
  parts_->answers.Fail(std::move(batch_.slices), Reworded(status));
}

void OpenBatch::TokenDone(StatusOr<SecretBytes> batch_key) {
  const bool mine = Claim();
  Leave();
  // Ends with this call and not with the batch, whose end is the device's.
  const std::shared_ptr<const void> use = std::move(use_);
  if (!mine) return;
  const Outstanding::Hold hold(parts_->outstanding);
  if (!batch_key.ok()) {
    FailToken(batch_key.status());
  } else if (batch_key->size() != envelope::kBatchKeySize) {
    FailToken(NotAuthentic());
  } else {
    OpenLeaves(*batch_key);
    batch_key->Wipe();
    parts_->answers.Finish(std::move(batch_.slices));
  }
  parts_->dispatcher.Pump();
}

void OpenBatch::OpenLeaves(const SecretBytes& batch_key) {
  const envelope::Header& header = HeaderOf(batch_.slices.front());
  for (Slice& slice : batch_.slices) {
    OpenRequest& request = *static_cast<OpenWork&>(*slice.work).request;
    StatusOr<LeafOpener> opener = LeafOpener::Create(
        batch_key, header.key_id, header.batch_id, request.purpose);
    for (uint32_t i = slice.begin; i < slice.end; ++i) {
      OpenItem& item = request.items[slice.item(i)];
      if (!opener.ok()) {
        item.status = opener.status();
      } else {
        OpenOne(*opener, &item);
      }
    }
  }
}

}  // namespace strongroom::batching
