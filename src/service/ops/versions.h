// The states of a key's versions.
#pragma once

#include <span>

#include "service/operation.h"

namespace strongroom::service::ops {

using Moving = Operation<model::MoveVersion, model::MovedVersion>;
extern const Moving kEnableVersion;
extern const Moving kDisableVersion;
extern const Moving kScheduleDestroyVersion;
extern const Moving kCancelDestroyVersion;
std::span<const Row> VersionRows();

}  // namespace strongroom::service::ops
