// Two token calls move the batch key of a header to the primary.
#include <utility>

#include "batching/token_batch.h"

namespace strongroom::batching {
namespace {

const envelope::Header& HeaderOf(const Slice& slice) {
  const auto& work = static_cast<const RewrapWork&>(*slice.work);
  return work.request->items[slice.item(slice.begin)].header;
}

Status Draining() {
  return Error(Reason::kDraining, "the service is shutting down");
}

class RewrapBatch final : public TokenBatch {
 public:
  RewrapBatch(std::shared_ptr<Core> core, Queues::Batch batch)
      : TokenBatch(std::move(core), std::move(batch)),
        header_(HeaderOf(batch_.slices.front())),
        deadline_(core_->CallDeadline(batch_.slices)) {}

  void Start(const KekRef& old) {
    use_ = old.use;
    auto self = std::static_pointer_cast<RewrapBatch>(shared_from_this());
    core_->CountTokenOperation(batch_);
    Await();
    if (!core_->Enlist(self)) {
      core_->Release(batch_, this);
      Abandon(Draining());
      return;
    }
    core_->device().Open(
        old.kek,
        envelope::HeaderAad(header_.key_id, header_.key_version,
                            header_.batch_id, header_.sealed.size()),
        header_.sealed, deadline_, [self](StatusOr<SecretBytes> batch_key) {
          self->Opened(std::move(batch_key));
        });
  }

 private:
  void FailToken(const Status& status) override {
    const bool forged = ReasonOf(status) == Reason::kNotAuthentic;
    core_->Fail(batch_.slices, forged ? NotAuthentic() : status);
  }

  void Opened(StatusOr<SecretBytes> batch_key) {
    const std::shared_ptr<const void> use = std::move(use_);
    if (!Claim()) {
      core_->Release(batch_, this);
      return;
    }
    const Core::Hold hold(core_);
    if (batch_key.ok() && batch_key->size() != envelope::kBatchKeySize) {
      batch_key = NotAuthentic();
    }
    if (!batch_key.ok()) return EndWith(batch_key.status());
    StatusOr<KekRef> primary = core_->source().ForSeal(header_.key_id);
    if (!primary.ok()) return EndWith(primary.status());
    batch_key_ = *std::move(batch_key);
    SealUnder(*primary);
    StepAside();
  }

  void SealUnder(const KekRef& primary) {
    auto self = std::static_pointer_cast<RewrapBatch>(shared_from_this());
    const size_t sealed_size = core_->device().info().iv_size +
                               envelope::kBatchKeySize + envelope::kTagSize;
    header_.key_version = primary.version;
    core_->CountTokenOperation(batch_);
    Await();
    // Shutdown either finds this batch awaiting, or is seen here.
    if (core_->abandoned()) {
      core_->Release(batch_, this);
      Abandon(Draining());
      return;
    }
    core_->device().Seal(primary.kek,
                         envelope::HeaderAad(header_.key_id, primary.version,
                                             header_.batch_id, sealed_size),
                         batch_key_.Expose(), deadline_,
                         [self, sealed_size](hsm::SealAnswer answer) {
                           self->Sealed(std::move(answer), sealed_size);
                         });
  }

  void Sealed(hsm::SealAnswer answer, size_t want) {
    if (!Claim()) {
      core_->Release(batch_, this);
      return;
    }
    const Core::Hold hold(core_);
    StatusOr<Bytes> sealed = std::move(answer.sealed);
    if (core_->Now() < deadline_ && retries_.Take(answer)) {
      // The KEK may have sealed: a further seal is counted like the first.
      StatusOr<KekRef> primary = core_->source().ForSeal(header_.key_id);
      if (primary.ok()) return SealUnder(*primary);
      sealed = primary.status();
    }
    batch_key_.Wipe();
    if (sealed.ok() && sealed->size() != want) {
      sealed = Error(Reason::kHsmUnexpected,
                     "token gave a sealed batch key of " +
                         std::to_string(sealed->size()) + " bytes; want " +
                         std::to_string(want) +
                         ": check iv_size of the device profile");
    }
    if (!sealed.ok()) return EndWith(sealed.status());
    header_.sealed = *std::move(sealed);
    ForEachItem<RewrapWork>(batch_.slices, [&](RewrapWork& work, uint32_t i) {
      work.request->items[i].header = header_;
    });
    core_->Release(batch_, this);
    core_->Finish(Operation::kRewrap, batch_.slices);
    core_->Pump();
    StepAside();
  }

  void StepAside() const {
    if (batch_.work_class == WorkClass::kBackground) core_->StepAside();
  }

  void EndWith(const Status& status) {
    core_->Release(batch_, this);
    FailToken(status);
    core_->Pump();
  }

  envelope::Header header_;
  std::shared_ptr<const void> use_;  // of the old version
  const SteadyTime deadline_;
  SecretBytes batch_key_;
  hsm::SealRetries retries_;
};

}  // namespace

void StartRewrap(std::shared_ptr<Core> core, Queues::Batch batch) {
  const envelope::Header& header = HeaderOf(batch.slices.front());
  StatusOr<KekRef> kek = core->source().Primary(header.key_id);
  const bool there = kek.ok() && kek->version == header.key_version;
  if (kek.ok() && !there) {
    kek = core->source().ForOpen(header.key_id, header.key_version);
  }
  if (!kek.ok() || there) {
    core->Release(batch, nullptr);
    if (there) return core->Finish(Operation::kRewrap, batch.slices);
    return core->Fail(batch.slices, kek.status());
  }
  std::make_shared<RewrapBatch>(std::move(core), std::move(batch))->Start(*kek);
}

}  // namespace strongroom::batching
