// HealthWatch: what health, log and metrics say of the token.
#pragma once

#include <functional>

#include "strongroom/base/metrics.h"
#include "strongroom/base/mutex.h"
#include "strongroom/hsm/device.h"

namespace strongroom::server {

// Health says SERVING while that is wanted and the device is usable. A KEK that
// is missing among others does not change it: the others are needed.
// Thread-safe.
class HealthWatch {
 public:
  // `set_serving` is called under a lock, so that the last word stands.
  HealthWatch(hsm::Device& device, Metrics& metrics,
              std::function<void(bool)> set_serving);

  // Serve says whether to serve, for all that this process knows.
  void Serve(bool wanted) SR_EXCLUDES(mutex_);
  // Look probes the token and tells what is new. Blocks in the token.
  void Look() SR_EXCLUDES(mutex_);

 private:
  hsm::Device& device_;
  const std::function<void(bool)> set_serving_;
  Gauge& healthy_;
  Gauge& keks_missing_;
  Mutex mutex_;
  bool wanted_ SR_GUARDED_BY(mutex_) = false;
  hsm::DeviceHealth health_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::server
