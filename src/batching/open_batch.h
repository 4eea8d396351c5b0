// OpenBatch: one token call opens the batch key of a header; then the thread
// that has the answer opens the leaves.
#pragma once

#include <memory>

#include "batching/token_batch.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::batching {

class OpenBatch final : public TokenBatch {
 public:
  // Start opens the batch, whose items all have one header, under the version
  // that the header names. It answers if the source refuses that.
  static void Start(std::shared_ptr<EngineParts> parts, Queues::Batch batch);

  // For Start.
  OpenBatch(std::shared_ptr<EngineParts> parts, Queues::Batch batch,
            const KekRef& kek);

 private:
  void Run();
  void FailToken(const Status& status) override;
  void TokenDone(StatusOr<SecretBytes> batch_key);
  void OpenLeaves(const SecretBytes& batch_key);

  const Uuid kek_;
  std::shared_ptr<const void> use_;  // of the version
};

}  // namespace strongroom::batching
