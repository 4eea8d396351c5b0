// The running service, and who asks.
#pragma once

#include <span>

#include "service/operation.h"
#include "strongroom/model/identity.h"
#include "strongroom/model/service_status.h"

namespace strongroom::service::ops {

extern const Operation<model::Nothing, model::ServiceStatus> kGetStatus;
extern const Operation<model::Nothing, model::Identity, Oneself> kWhoAmI;
std::span<const Row> StatusRows();

}  // namespace strongroom::service::ops
