#include "batching/rewrap_batch.h"

#include <utility>

#include "batching/refusals.h"

namespace strongroom::batching {
namespace {

const envelope::Header& HeaderOf(const Slice& slice) {
  const auto& work = static_cast<const RewrapWork&>(*slice.work);
  return work.request->items[slice.item(slice.begin)].header;
}

}  // namespace

void RewrapBatch::Start(std::shared_ptr<EngineParts> parts,
                        Queues::Batch batch) {
  const envelope::Header& header = HeaderOf(batch.slices.front());
  StatusOr<KekRef> kek = parts->source.Primary(header.key_id);
  const bool there = kek.ok() && kek->version == header.key_version;
  if (kek.ok() && !there) {
    kek = parts->source.ForOpen(header.key_id, header.key_version);
  }
  if (!kek.ok() || there) {
    parts->dispatcher.Release(batch);
    if (there) return parts->answers.Finish(std::move(batch.slices));
    return parts->answers.Fail(std::move(batch.slices), kek.status());
  }
  std::make_shared<RewrapBatch>(std::move(parts), std::move(batch), *kek)
      ->Run();
}

RewrapBatch::RewrapBatch(std::shared_ptr<EngineParts> parts,
                         Queues::Batch batch, const KekRef& old)
    : TokenBatch(std::move(parts), std::move(batch)),
      header_(HeaderOf(batch_.slices.front())),
      old_kek_(old.kek),
      use_(old.use),
      deadline_(parts_->calls.Deadline(batch_.slices)) {}

void RewrapBatch::Run() {
  auto self = std::static_pointer_cast<RewrapBatch>(shared_from_this());
  if (!AwaitFirst()) return Leave();
  parts_->calls.device().Open(
      old_kek_,
      envelope::HeaderAad(header_.key_id, header_.key_version, header_.batch_id,
                          header_.sealed.size()),
      header_.sealed, deadline_, [self](StatusOr<SecretBytes> batch_key) {
        self->Opened(std::move(batch_key));
      });
}

void RewrapBatch::FailToken(const Status& status) {
  parts_->answers.Fail(std::move(batch_.slices), Reworded(status));
}

void RewrapBatch::Opened(StatusOr<SecretBytes> batch_key) {
  const std::shared_ptr<const void> use = std::move(use_);
  if (!Claim()) return Leave();
  const Outstanding::Hold hold(parts_->outstanding);
  if (batch_key.ok() && batch_key->size() != envelope::kBatchKeySize) {
    batch_key = NotAuthentic();
  }
  if (!batch_key.ok()) return EndWith(batch_key.status());
  StatusOr<KekRef> primary = parts_->source.ForSeal(header_.key_id);
  if (!primary.ok()) return EndWith(primary.status());
  batch_key_ = *std::move(batch_key);
  SealUnder(*primary);
  StepAside();
}

void RewrapBatch::SealUnder(const KekRef& primary) {
  auto self = std::static_pointer_cast<RewrapBatch>(shared_from_this());
  header_.key_version = primary.version;
  if (!AwaitNext()) return Leave();
  parts_->calls.device().Seal(
      primary.kek,
      envelope::HeaderAad(header_.key_id, primary.version, header_.batch_id,
                          parts_->calls.SealedSize()),
      batch_key_.Expose(), deadline_,
      [self](hsm::SealAnswer answer) { self->Sealed(std::move(answer)); });
}

void RewrapBatch::Sealed(hsm::SealAnswer answer) {
  if (!Claim()) return Leave();
  const Outstanding::Hold hold(parts_->outstanding);
  StatusOr<Bytes> sealed = std::move(answer.sealed);
  if (parts_->clock.Steady() < deadline_ && retries_.Take(answer)) {
    // The KEK may have sealed: a further seal is counted like the first.
    StatusOr<KekRef> primary = parts_->source.ForSeal(header_.key_id);
    if (primary.ok()) return SealUnder(*primary);
    sealed = primary.status();
  }
  batch_key_.Wipe();
  sealed = parts_->calls.Checked(std::move(sealed));
  if (!sealed.ok()) return EndWith(sealed.status());
  header_.sealed = *std::move(sealed);
  ForEachItem<RewrapWork>(batch_.slices, [&](RewrapWork& work, uint32_t i) {
    work.request->items[i].header = header_;
  });
  Leave();
  parts_->answers.Finish(std::move(batch_.slices));
  parts_->dispatcher.Pump();
  StepAside();
}

void RewrapBatch::EndWith(const Status& status) {
  Leave();
  FailToken(status);
  parts_->dispatcher.Pump();
}

void RewrapBatch::StepAside() const {
  if (batch_.work_class == WorkClass::kBackground) {
    parts_->dispatcher.StepAside();
  }
}

}  // namespace strongroom::batching
