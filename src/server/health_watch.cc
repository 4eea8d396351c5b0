#include "server/health_watch.h"

#include <utility>

#include "strongroom/base/log.h"

namespace strongroom::server {

HealthWatch::HealthWatch(hsm::Device& device, Metrics& metrics,
                         std::function<void(bool)> set_serving)
    : device_(device),
      set_serving_(std::move(set_serving)),
      healthy_(metrics.GetGauge(
          "strongroom_token_healthy",
          "1 if the token answers and no KEK is missing, else 0.")),
      keks_missing_(metrics.GetGauge(
          "strongroom_keks_missing",
          "KEKs that are not on the token, or are another key there.")) {
  healthy_.Set(1);
  keks_missing_.Set(0);
}

void HealthWatch::Serve(bool wanted) {
  MutexLock lock(mutex_);
  wanted_ = wanted;
  set_serving_(wanted_ && health_.usable());
}

void HealthWatch::Look() {
  // Its failures are in what Health says, but for those of a full queue, which
  // says nothing of the token.
  (void)device_.Probe();
  const hsm::DeviceHealth now = device_.Health();
  healthy_.Set(now.healthy() ? 1 : 0);
  keks_missing_.Set(static_cast<double>(now.keks_missing));
  MutexLock lock(mutex_);
  const hsm::DeviceHealth before = std::exchange(health_, now);
  if (before.usable() != now.usable()) set_serving_(wanted_ && now.usable());
  if (before.detail == now.detail) return;
  if (now.healthy()) {
    log::Info("the token is well again");
  } else {
    log::Error("the token is not well",
               {{"found", now.detail}, {"serving", wanted_ && now.usable()}});
  }
}

}  // namespace strongroom::server
