// One token call seals the batch key while this thread seals the leaves.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <utility>

#include "batching/seal_leaves.h"
#include "batching/token_batch.h"
#include "strongroom/base/random.h"

namespace strongroom::batching {
namespace {

using envelope::kBatchKeySize;
using envelope::kTagSize;

class SealBatch final : public TokenBatch {
 public:
  SealBatch(std::shared_ptr<Core> core, Queues::Batch batch, KekRef kek,
            uint64_t windows_epoch)
      : TokenBatch(std::move(core), std::move(batch)),
        kek_(std::move(kek)),
        windows_epoch_(windows_epoch),
        sealed_size_(core_->device().info().iv_size + kBatchKeySize + kTagSize),
        batch_key_(kBatchKeySize) {}

  void Start();

 private:
  void FailToken(const Status& status) override;
  void AskToken();
  void TokenDone(hsm::SealAnswer answer);
  Status AskAgain();
  void Arrive();
  void Complete();
  Status Outcome() const;
  void GiveResults(const std::shared_ptr<const Bytes>& header);
  void OpenWindow(std::shared_ptr<const Bytes> header);
  bool opens_window() const { return kek_.policy.max_age.count() > 0; }

  // These two change with each further seal. Between Start and Complete only
  // the token call under way may touch them.
  KekRef kek_;
  uint64_t windows_epoch_;
  hsm::SealRetries retries_;
  const size_t sealed_size_;
  SteadyTime born_;
  SteadyTime deadline_;
  Uuid batch_id_;
  SecretBytes batch_key_;
  StatusOr<Bytes> sealed_ = Bytes();
  Status leaves_;
  std::atomic<bool> token_failed_{false};
  // The token call and the leaves; the last to arrive completes the batch.
  std::atomic<int> awaited_{2};
};

void SealBatch::Start() {
  auto self = std::static_pointer_cast<SealBatch>(shared_from_this());
  born_ = core_->Now();
  deadline_ = core_->CallDeadline(batch_.slices);
  // Drawn after the members of the batch were fixed, for this batch alone.
  FillRandom(batch_key_.ExposeMutable());
  std::array<uint8_t, Uuid::kSize> id;
  FillRandom(id);
  batch_id_ = Uuid(id);
  core_->CountTokenOperation(batch_);
  Await();
  if (!core_->Enlist(self)) {
    Abandon(Error(Reason::kDraining, "the service is shutting down"));
  } else {
    AskToken();
  }
  // A device that refused did so at once: then nothing is to be sealed.
  if (!token_failed_.load()) {
    leaves_ =
        SealLeaves(batch_key_, batch_.key_id, batch_id_, 0, batch_.slices);
  }
  Arrive();
}

void SealBatch::AskToken() {
  auto self = std::static_pointer_cast<SealBatch>(shared_from_this());
  core_->device().Seal(
      kek_.kek,
      envelope::HeaderAad(kek_.key_id, kek_.version, batch_id_, sealed_size_),
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
  windows_epoch_ = core_->windows().epoch();
  SR_ASSIGN_OR_RETURN(kek_, core_->source().ForSeal(batch_.key_id));
  core_->CountTokenOperation(batch_);
  Await();
  // Shutdown either finds this batch awaiting, or is seen here.
  if (core_->abandoned()) {
    Abandon(Error(Reason::kDraining, "the service is shutting down"));
  } else {
    AskToken();
  }
  return OkStatus();
}

void SealBatch::TokenDone(hsm::SealAnswer answer) {
  if (!Claim()) return;
  const Core::Hold hold(core_);
  StatusOr<Bytes> sealed = std::move(answer.sealed);
  if (core_->Now() < deadline_ && retries_.Take(answer)) {
    const Status asked = AskAgain();
    if (asked.ok()) return;
    sealed = asked;
  }
  if (sealed.ok() && sealed->size() != sealed_size_) {
    sealed = Error(Reason::kHsmUnexpected,
                   "token gave a sealed batch key of " +
                       std::to_string(sealed->size()) + " bytes; want " +
                       std::to_string(sealed_size_) +
                       ": check iv_size of the device profile");
  }
  token_failed_.store(!sealed.ok());
  sealed_ = std::move(sealed);
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
    GiveResults(header);
    core_->Finish(Operation::kSeal, batch_.slices);
  } else {
    core_->Fail(batch_.slices, outcome);
  }
  // Its place on the token was kept until here. So the items that come while
  // this thread answers make one batch when it has done so, and not many small
  // ones; and no second batch of the key starts before its window is open.
  core_->Release(batch_, this);
  core_->Pump();
}

Status SealBatch::Outcome() const {
  if (!sealed_.ok()) return sealed_.status();
  return leaves_;
}

void SealBatch::GiveResults(const std::shared_ptr<const Bytes>& header) {
  const uint32_t version = kek_.version;
  ForEachItem<SealWork>(batch_.slices, [&](SealWork& work, uint32_t i) {
    SealItem& item = work.request->items[i];
    if (!item.status.ok()) return;
    item.header = header;
    item.key_version = version;
  });
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
  window->limit = std::min(kek_.policy.max_items, kMaxBatchItems);
  core_->windows().Open(std::move(window), windows_epoch_);
}

}  // namespace

void StartSeal(std::shared_ptr<Core> core, Queues::Batch batch) {
  // Read before the KEK is asked for: if its windows are ended from here on,
  // none is opened under it.
  const uint64_t epoch = core->windows().epoch();
  StatusOr<KekRef> kek = core->source().ForSeal(batch.key_id);
  if (!kek.ok()) {
    core->Release(batch, nullptr);
    core->Fail(batch.slices, kek.status());
    return;
  }
  std::make_shared<SealBatch>(std::move(core), std::move(batch),
                              *std::move(kek), epoch)
      ->Start();
}

}  // namespace strongroom::batching
