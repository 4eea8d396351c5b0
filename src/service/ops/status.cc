#include "service/ops/status.h"

#include <utility>

#include "service/row.h"

namespace strongroom::service::ops {
namespace {

using auth::Action;

StatusOr<model::ServiceStatus> GetStatus(const auth::Permit& permit,
                                         Request& request,
                                         const model::Nothing&) {
  const Rooms& rooms = request.rooms;
  const hsm::DeviceInfo device = rooms.device(permit).info();
  const hsm::DeviceHealth health = rooms.device(permit).Health();
  const batching::EngineStats engine = rooms.engine(permit).Stats();
  model::ServiceStatus status;
  status.server = rooms.facts(permit);
  status.token_label = device.token_label;
  status.token_model = device.token_model;
  status.token_serial = device.token_serial;
  status.profile = device.profile;
  status.sessions = static_cast<uint32_t>(health.sessions_open);
  status.hsm_healthy = health.healthy();
  status.hsm_detail = health.detail;
  status.token_operations = health.operations;
  status.items_sealed = engine.items_sealed;
  status.items_opened = engine.items_opened;
  const auto keys = rooms.keyring(permit).Current();
  status.keys = keys->keys().size();
  for (const auto& [name, key] : keys->keys()) {
    status.key_versions += key->versions.size();
  }
  return status;
}

StatusOr<model::Identity> WhoAmI(const Oneself& oneself, Request&,
                                 const model::Nothing&) {
  const auth::Caller& caller = oneself.caller();
  return model::Identity{caller.id(), caller.subject(), oneself.grants()};
}

}  // namespace

constexpr Operation<model::Nothing, model::ServiceStatus> kGetStatus = {
    .spec = {"GetStatus", kKeyAdmin, Action::kViewStatus,
             OperationClass::kView},
    .resolve = WholeService,
    .handle = GetStatus};
constexpr Operation<model::Nothing, model::Identity, Oneself> kWhoAmI = {
    .spec = {"WhoAmI", kKeyAdmin, Action::kViewStatus, OperationClass::kView},
    .resolve = CallerAlone,
    .handle = WhoAmI};

constexpr Row kRows[] = {
    MakeRow<kGetStatus, v1::GetStatusRequest, v1::GetStatusResponse>(),
    MakeRow<kWhoAmI, v1::WhoAmIRequest, v1::WhoAmIResponse>()};
std::span<const Row> StatusRows() { return kRows; }

}  // namespace strongroom::service::ops
