// SealBatch: one token call seals a batch key while the thread that started the
// batch seals the leaves under it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "batching/token_batch.h"
#include "strongroom/base/bytes.h"
#include "strongroom/base/names.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/hsm/seal_answer.h"

namespace strongroom::batching {

class SealBatch final : public TokenBatch {
 public:
  // Start seals the batch: in an open window of the key, or on the token under
  // the KEK that the source names now. It answers if neither can be had.
  static void Start(std::shared_ptr<EngineParts> parts, Queues::Batch batch);

  // For Start.
  SealBatch(std::shared_ptr<EngineParts> parts, Queues::Batch batch, KekRef kek,
            uint64_t windows_epoch);

 private:
  void Run();
  void AskToken();
  void FailToken(const Status& status) override;
  void TokenDone(hsm::SealAnswer answer);
  Status AskAgain();
  void Arrive();
  void Complete();
  Status Outcome() const;
  void OpenWindow(std::shared_ptr<const Bytes> header);
  bool opens_window() const { return kek_.policy.max_age.count() > 0; }

  // These two change with each further seal. Between Run and Complete only the
  // token call under way may touch them.
  KekRef kek_;
  uint64_t windows_epoch_;
  hsm::SealRetries retries_;
  const SteadyTime born_;
  const SteadyTime deadline_;
  Uuid batch_id_;
  SecretBytes batch_key_;
  StatusOr<Bytes> sealed_ = Bytes();
  Status leaves_;
  std::atomic<bool> token_failed_{false};
  // The token call, the leaves, and a thread that asks for a further seal; the
  // last to arrive completes the batch.
  std::atomic<int> awaited_{2};
};

}  // namespace strongroom::batching
