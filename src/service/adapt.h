// Until keyring and registry speak of keys as model/ does: the same things in
// its types.
#pragma once

#include <string>
#include <vector>

#include "strongroom/keyring/keyring.h"
#include "strongroom/model/requests.h"
#include "strongroom/registry/jobs.h"
#include "strongroom/registry/registry.h"

namespace strongroom::service {

model::Job AsModel(const registry::Job& job);
model::Dek AsModel(const registry::DekInfo& dek);
registry::JobOptions FromModel(const model::JobOptions& options);

}  // namespace strongroom::service
