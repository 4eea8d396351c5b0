// SealAnswer: what a device answers to a seal, MAY_HAVE_SEALED included.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::hsm {

// SealLoss is what the token lost in the middle of a seal.
enum class SealLoss : uint8_t { kSession, kLogin, kHandle };

// SealAnswer is the sealed bytes (iv ciphertext tag), or a failure, or
// MAY_HAVE_SEALED: the token lost something in the middle, so the KEK may have
// sealed or not. A device never repeats a seal, because its owner counts them
// (NIST SP 800-38D limits the seals of a key). It has mended the loss as far as
// it could, and another Seal is worth a try.
struct SealAnswer {
  SealAnswer(Bytes bytes) : sealed(std::move(bytes)) {}
  SealAnswer(Status failure) : sealed(std::move(failure)) {}
  SealAnswer(StatusOr<Bytes> answer) : sealed(std::move(answer)) {}
  // MayHaveSealed: `failure` is the answer if nobody asks again.
  static SealAnswer MayHaveSealed(SealLoss loss, Status failure) {
    SealAnswer answer(std::move(failure));
    answer.may_have_sealed = loss;
    return answer;
  }

  StatusOr<Bytes> sealed;
  std::optional<SealLoss> may_have_sealed;  // then `sealed` is a failure
};

// SealRetries limits how often one seal is asked for again: once for each kind
// of loss. Not thread-safe.
class SealRetries {
 public:
  static constexpr int kMost = 3;

  // Take is true if the answer is MAY_HAVE_SEALED by a loss that was not met
  // before. The caller counts the further seal before it asks.
  bool Take(const SealAnswer& answer) {
    if (!answer.may_have_sealed) return false;
    const auto loss = static_cast<uint8_t>(
        1u << static_cast<uint8_t>(*answer.may_have_sealed));
    return (std::exchange(met_, met_ | loss) & loss) == 0;
  }

 private:
  uint8_t met_ = 0;
};

}  // namespace strongroom::hsm
