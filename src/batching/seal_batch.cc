#include "batching/seal_batch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "batching/seal_leaves.h"
#include "strongroom/base/random.h"

namespace strongroom::batching {

void SealBatch::Start(std::shared_ptr<EngineParts> parts, Queues::Batch batch) {
  // A window may have been opened since these items came.
  if (parts->windows.open() > 0 &&
      parts->window_sealer.Seal(batch.key_id, &batch.slices, batch.items)) {
    return parts->dispatcher.Release(batch);
  }
  // Read before the KEK is asked for: if its windows are ended from here on,
  // none is opened under it.
  const uint64_t epoch = parts->windows.epoch();
  StatusOr<KekRef> kek = parts->source.ForSeal(batch.key_id);
  if (!kek.ok()) {
    parts->dispatcher.Release(batch);
    return parts->answers.Fail(std::move(batch.slices), kek.status());
  }
  std::make_shared<SealBatch>(std::move(parts), std::move(batch),
                              *std::move(kek), epoch)
      ->Run();
}

SealBatch::SealBatch(std::shared_ptr<EngineParts> parts, Queues::Batch batch,
                     KekRef kek, uint64_t windows_epoch)
    : TokenBatch(std::move(parts), std::move(batch)),
      kek_(std::move(kek)),
      windows_epoch_(windows_epoch),
      born_(parts_->clock.Steady()),
      deadline_(parts_->calls.Deadline(batch_.slices)),
      batch_key_(envelope::kBatchKeySize) {
  // Drawn after the members of the batch were fixed, for this batch alone.
  FillRandom(batch_key_.ExposeMutable());
  std::array<uint8_t, Uuid::kSize> id;
  FillRandom(id);
  batch_id_ = Uuid(id);
}

void SealBatch::Run() {
  if (AwaitFirst()) AskToken();
  // A device that refused did so at once: then nothing is to be sealed.
  if (!token_failed_.load()) {
    leaves_ =
        SealLeaves(batch_key_, batch_.key_id, batch_id_, 0, batch_.slices);
  }
  Arrive();
}

void SealBatch::AskToken() {
  auto self = std::static_pointer_cast<SealBatch>(shared_from_this());
  parts_->calls.device().Seal(
      kek_.kek,
      envelope::HeaderAad(kek_.key_id, kek_.version, batch_id_,
                          parts_->calls.SealedSize()),
      batch_key_.Expose(), deadline_,
      [self](hsm::SealAnswer answer) { self->TokenDone(std::move(answer)); });
}

void SealBatch::FailToken(const Status& status) {
  sealed_ = status;
  token_failed_.store(true);
  Arrive();
}

// The KEK may have sealed: a further seal is counted like the first, under the
// version that is the primary now.
Status SealBatch::AskAgain() {
  windows_epoch_ = parts_->windows.epoch();
  SR_ASSIGN_OR_RETURN(kek_, parts_->source.ForSeal(batch_.key_id));
  // This thread is waited for too: a batch that is abandoned while the device
  // reads the batch key must not wipe it.
  awaited_.fetch_add(1, std::memory_order_relaxed);
  if (AwaitNext()) AskToken();
  Arrive();
  return OkStatus();
}

void SealBatch::TokenDone(hsm::SealAnswer answer) {
  if (!Claim()) return;
  const Outstanding::Hold hold(parts_->outstanding);
  StatusOr<Bytes> sealed = std::move(answer.sealed);
  if (parts_->clock.Steady() < deadline_ && retries_.Take(answer)) {
    const Status asked = AskAgain();
    if (asked.ok()) return;
    sealed = asked;
  }
  sealed_ = parts_->calls.Checked(std::move(sealed));
  token_failed_.store(!sealed_.ok());
  Arrive();
}

void SealBatch::Arrive() {
  if (awaited_.fetch_sub(1, std::memory_order_acq_rel) == 1) Complete();
}

void SealBatch::Complete() {
  const Status outcome = Outcome();
  std::shared_ptr<const Bytes> header;
  if (outcome.ok()) {
    header = std::make_shared<const Bytes>(envelope::SerializeHeader(
        {kek_.key_id, kek_.version, batch_id_, *std::move(sealed_)}));
  }
  if (outcome.ok() && opens_window()) OpenWindow(header);
  batch_key_.Wipe();
  if (outcome.ok()) {
    GiveHeader(header, kek_.version, batch_.slices);
    parts_->answers.Finish(std::move(batch_.slices));
  } else {
    parts_->answers.Fail(std::move(batch_.slices), outcome);
  }
  // Its place on the token was kept until here. So the items that come while
  // this thread answers make one batch when it has done so, and not many small
  // ones; and no second batch of the key starts before its window is open.
  Leave();
  parts_->dispatcher.Pump();
}

Status SealBatch::Outcome() const {
  if (!sealed_.ok()) return sealed_.status();
  return leaves_;
}

void SealBatch::OpenWindow(std::shared_ptr<const Bytes> header) {
  const auto taken = static_cast<uint32_t>(batch_.items);
  if (taken >= kek_.policy.max_items) return;
  auto window = std::make_shared<Windows::Window>();
  window->kek = kek_;
  window->batch_id = batch_id_;
  window->header = std::move(header);
  window->batch_key = std::move(batch_key_);
  window->end = born_ + kek_.policy.max_age;
  window->next_index = taken;
  window->limit = std::min(kek_.policy.max_items, model::kMaxBatchItems);
  parts_->windows.Open(std::move(window), windows_epoch_);
}

}  // namespace strongroom::batching
