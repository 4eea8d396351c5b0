// FakeFaults: what a FakeDevice is told to get wrong, and how often each
// operation reached its token.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "strongroom/base/mutex.h"
#include "strongroom/base/status.h"
#include "strongroom/hsm/seal_answer.h"

namespace strongroom::testing {

enum class FakeOperation {
  kSeal,
  kOpen,
  kCreateKek,
  kProve,
  kDestroyKek,
  kList,
  kProbe,
  kMakeSigningKey,
  kSign,
};
inline constexpr size_t kFakeOperations = 9;

// Thread-safe.
class FakeFaults {
 public:
  // kAfterEffect: the token did it, the answer was lost.
  enum class Moment { kBeforeEffect, kAfterEffect };
  void FailNext(FakeOperation operation, const Status& status, int times,
                Moment moment) SR_EXCLUDES(mutex_);
  void LoseNextSeal(hsm::SealLoss loss, int times) SR_EXCLUDES(mutex_);
  uint64_t count(FakeOperation operation) const SR_EXCLUDES(mutex_);

  // Do counts the operation and takes its fault, if one is queued; `effect`
  // runs unless the fault comes first.
  template <typename Effect>
  auto Do(FakeOperation operation, Effect effect) -> decltype(effect());
  // OrLost is the seal, or MAY_HAVE_SEALED in its place.
  hsm::SealAnswer OrLost(Bytes sealed) SR_EXCLUDES(mutex_);

 private:
  struct Fault {
    Status status;
    Moment moment;
  };

  std::optional<Fault> Take(FakeOperation operation) SR_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  std::array<uint64_t, kFakeOperations> counts_ SR_GUARDED_BY(mutex_){};
  std::array<std::deque<Fault>, kFakeOperations> faults_ SR_GUARDED_BY(mutex_);
  std::deque<hsm::SealLoss> losses_ SR_GUARDED_BY(mutex_);
};

template <typename Effect>
auto FakeFaults::Do(FakeOperation operation, Effect effect)
    -> decltype(effect()) {
  const std::optional<Fault> fault = Take(operation);
  if (fault && fault->moment == Moment::kBeforeEffect) return fault->status;
  auto result = effect();
  if (fault) return fault->status;
  return result;
}

}  // namespace strongroom::testing
