#include "tests/testing/fake_faults.h"

#include <chrono>
#include <utility>

namespace strongroom::testing {
namespace {

size_t Index(FakeOperation operation) { return static_cast<size_t>(operation); }

}  // namespace

void FakeFaults::FailNext(FakeOperation operation, const Status& status,
                          int times, Moment moment) {
  MutexLock lock(mutex_);
  for (int i = 0; i < times; ++i) {
    faults_[Index(operation)].push_back({status, moment});
  }
}

void FakeFaults::LoseNextSeal(hsm::SealLoss loss, int times) {
  MutexLock lock(mutex_);
  losses_.insert(losses_.end(), times, loss);
}

uint64_t FakeFaults::count(FakeOperation operation) const {
  MutexLock lock(mutex_);
  return counts_[Index(operation)];
}

std::optional<FakeFaults::Fault> FakeFaults::Take(FakeOperation operation) {
  MutexLock lock(mutex_);
  ++counts_[Index(operation)];
  std::deque<Fault>& queued = faults_[Index(operation)];
  if (queued.empty()) return std::nullopt;
  Fault fault = std::move(queued.front());
  queued.pop_front();
  return fault;
}

hsm::SealAnswer FakeFaults::OrLost(Bytes sealed) {
  MutexLock lock(mutex_);
  if (losses_.empty()) return sealed;
  const hsm::SealLoss loss = losses_.front();
  losses_.pop_front();
  return hsm::SealAnswer::MayHaveSealed(
      loss, Error(Reason::kHsmUnavailable, "the token lost a seal; try again",
                  std::chrono::milliseconds(100)));
}

}  // namespace strongroom::testing
