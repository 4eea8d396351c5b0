#include "hsm/pkcs11/device_state.h"

#include <algorithm>

#include "strongroom/base/log.h"

namespace strongroom::hsm {

Status DeviceState::Admit() {
  if (!away_.load()) return OkStatus();
  MutexLock lock(mutex_);
  const SteadyTime now = clock_.Steady();
  if (now >= next_try_) {
    // This call tries; the others are refused until it found something.
    trying_ = true;
    next_try_ = now + delay_;
    return OkStatus();
  }
  auto left = std::chrono::ceil<std::chrono::milliseconds>(next_try_ - now);
  return Error(Reason::kHsmUnavailable,
               "the token is away: " + detail_ + "; it is tried again soon",
               left);
}

Status DeviceState::Lost(const std::string& found) {
  std::chrono::milliseconds retry;
  bool news = false;
  {
    MutexLock lock(mutex_);
    news = !away_;
    if (news) delay_ = kFirstDelay;
    // Calls that were under way when the token went are no new evidence.
    if (trying_) delay_ = std::min(2 * delay_, kMaxDelay);
    if (news || trying_) next_try_ = clock_.Steady() + delay_;
    trying_ = false;
    away_ = true;
    detail_ = found;
    retry = delay_;
  }
  if (news) log::Error("the token went away", {{"found", found}});
  return Error(Reason::kHsmUnavailable, "the token is away: " + found, retry);
}

void DeviceState::Well() {
  if (!away_.load()) return;
  {
    MutexLock lock(mutex_);
    away_ = false;
    trying_ = false;
    detail_.clear();
  }
  log::Info("the token is back");
}

std::string DeviceState::detail() const {
  MutexLock lock(mutex_);
  return detail_;
}

}  // namespace strongroom::hsm
