// Opening the configured token, as the service and the operator's commands do.
#pragma once

#include <memory>

#include "server/config.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/metrics.h"
#include "strongroom/hsm/device.h"

namespace strongroom::server {

// OpenToken logs in unless the PIN was refused before, and notes a refusal.
// Fails as hsm::OpenPkcs11Device; DEVELOPMENT_ONLY for a token of the other
// mode.
StatusOr<std::unique_ptr<hsm::Device>> OpenToken(const Config& config,
                                                 const Clock& clock,
                                                 Metrics& metrics);

// OneToken is the token for one command: one worker, and let go at the end. A
// call that hangs in the module ends the process.
class OneToken {
 public:
  static StatusOr<OneToken> Open(const Config& config, const Clock& clock);
  OneToken(OneToken&&) = default;
  ~OneToken();
  hsm::Device& operator*() const { return *device_; }

 private:
  explicit OneToken(std::unique_ptr<hsm::Device> device)
      : device_(std::move(device)) {}
  std::unique_ptr<hsm::Device> device_;
};

}  // namespace strongroom::server
