// RewrapBatch: two token calls move the batch key of a header to the primary.
#pragma once

#include <memory>

#include "batching/token_batch.h"
#include "strongroom/base/bytes.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/envelope/token.h"
#include "strongroom/hsm/seal_answer.h"

namespace strongroom::batching {

class RewrapBatch final : public TokenBatch {
 public:
  // Start opens the batch's header under the version that it names and seals it
  // under the primary. It answers at once if the header is under the primary,
  // or the source refuses.
  static void Start(std::shared_ptr<EngineParts> parts, Queues::Batch batch);

  // For Start.
  RewrapBatch(std::shared_ptr<EngineParts> parts, Queues::Batch batch,
              const KekRef& old);

 private:
  void Run();
  void FailToken(const Status& status) override;
  void Opened(StatusOr<SecretBytes> batch_key);
  void SealUnder(const KekRef& primary);
  void Sealed(hsm::SealAnswer answer);
  void EndWith(const Status& status);
  void StepAside() const;

  envelope::Header header_;
  const Uuid old_kek_;
  std::shared_ptr<const void> use_;  // of the old version
  const SteadyTime deadline_;
  SecretBytes batch_key_;
  hsm::SealRetries retries_;
};

}  // namespace strongroom::batching
