// Marks that keep development and production apart: neither uses the other's
// store or token.
#pragma once

#include <string>
#include <string_view>

#include "server/config.h"
#include "strongroom/base/status.h"
#include "strongroom/store/store.h"

namespace strongroom::server {

// CheckTokenLabel: DEVELOPMENT_ONLY if `label` is that of a token made by `dev`
// and we serve, or the other way round. An empty label is not judged.
Status CheckTokenLabel(Mode mode, std::string_view label);

// MarkStore marks a new store with the mode. DEVELOPMENT_ONLY if it has the
// other one's mark.
Status MarkStore(Mode mode, const std::string& path, store::Store* store);

}  // namespace strongroom::server
