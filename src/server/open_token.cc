#include "server/open_token.h"

#include <unistd.h>

#include <utility>

#include "server/mode_marks.h"
#include "server/refused_pin.h"
#include "strongroom/base/log.h"
#include "strongroom/hsm_pkcs11/pkcs11_device.h"

namespace strongroom::server {
namespace {

constexpr std::chrono::seconds kLetGo{5};

}  // namespace

StatusOr<std::unique_ptr<hsm::Device>> OpenToken(const Config& config,
                                                 const Clock& clock,
                                                 Metrics& metrics) {
  SR_RETURN_IF_ERROR(CheckPinNotRefused(config));
  auto opened = hsm::OpenPkcs11Device(config.hsm, clock, metrics);
  NoteLogin(config, opened.status());
  SR_RETURN_IF_ERROR(opened.status());
  // Again, as the token may have been named by its serial number alone.
  SR_RETURN_IF_ERROR(
      CheckTokenLabel(config.mode, (*opened)->info().token_label));
  return *std::move(opened);
}

StatusOr<OneToken> OneToken::Open(const Config& config, const Clock& clock) {
  SR_RETURN_IF_ERROR(CheckTokenLabel(config.mode, config.hsm.token_label));
  Config one = config;
  one.hsm.workers = 1;
  SR_ASSIGN_OR_RETURN(auto device, OpenToken(one, clock, NullMetrics()));
  return OneToken(std::move(device));
}

OneToken::~OneToken() {
  if (device_ == nullptr) return;
  if (device_->Shutdown(Clock::System().Steady() + kLetGo)) return;
  log::Error("the token did not let go: ending at once");
  _exit(1);
}

}  // namespace strongroom::server
