// One token call opens the batch key of a header; then its leaves are opened.
#include <optional>
#include <utility>

#include "batching/token_batch.h"
#include "strongroom/batching/leaf_cipher.h"

namespace strongroom::batching {
namespace {

const envelope::Header& HeaderOf(const Slice& slice) {
  const auto& work = static_cast<const OpenWork&>(*slice.work);
  return work.request->items[slice.item(slice.begin)].token.header;
}

class OpenBatch final : public TokenBatch {
 public:
  using TokenBatch::TokenBatch;

  void Start(const KekRef& kek) {
    use_ = kek.use;
    auto self = std::static_pointer_cast<OpenBatch>(shared_from_this());
    const envelope::Header& header = HeaderOf(batch_.slices.front());
    // Copied: once the call is abandoned the items are their owner's again.
    const Bytes sealed = header.sealed;
    const auto aad = envelope::HeaderAad(header.key_id, header.key_version,
                                         header.batch_id, sealed.size());
    const SteadyTime deadline = core_->CallDeadline(batch_.slices);
    core_->CountTokenOperation(batch_);
    Await();
    if (!core_->Enlist(self)) {
      core_->Release(batch_, this);
      Abandon(Error(Reason::kDraining, "the service is shutting down"));
      return;
    }
    core_->device().Open(kek.kek, aad, sealed, deadline,
                         [self](StatusOr<SecretBytes> batch_key) {
                           self->TokenDone(std::move(batch_key));
                         });
  }

 private:
  void FailToken(const Status& status) override {
    const bool forged = ReasonOf(status) == Reason::kNotAuthentic;
    core_->Fail(batch_.slices, forged ? NotAuthentic() : status);
  }

  void TokenDone(StatusOr<SecretBytes> batch_key) {
    const bool mine = Claim();
    core_->Release(batch_, this);
    // Ends with this call and not with the batch, whose end is the device's.
    const std::shared_ptr<const void> use = std::move(use_);
    if (!mine) return;
    const Core::Hold hold(core_);
    if (!batch_key.ok()) {
      FailToken(batch_key.status());
    } else if (batch_key->size() != envelope::kBatchKeySize) {
      FailToken(NotAuthentic());
    } else {
      OpenLeaves(*batch_key);
      batch_key->Wipe();
      core_->Finish(Operation::kOpen, batch_.slices);
    }
    core_->Pump();
  }

  void OpenLeaves(const SecretBytes& batch_key) {
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

  static void OpenOne(LeafOpener& opener, OpenItem* item) {
    StatusOr<SecretBytes> secret = opener.Open(item->token.leaf, item->context);
    if (secret.ok()) {
      item->secret = *std::move(secret);
    } else if (ReasonOf(secret.status()) == Reason::kNotAuthentic) {
      item->status = NotAuthentic();
    } else {
      item->status = secret.status();
    }
  }

  std::shared_ptr<const void> use_;  // of the version
};

}  // namespace

void StartOpen(std::shared_ptr<Core> core, Queues::Batch batch) {
  const envelope::Header& header = HeaderOf(batch.slices.front());
  // All items have this header, so one answer, given now, holds for each.
  StatusOr<KekRef> kek =
      core->source().ForOpen(header.key_id, header.key_version);
  if (!kek.ok()) {
    core->Release(batch, nullptr);
    core->Fail(batch.slices, kek.status());
    return;
  }
  std::make_shared<OpenBatch>(std::move(core), std::move(batch))->Start(*kek);
}

}  // namespace strongroom::batching
