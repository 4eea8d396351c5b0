// The engine's own failures, each worded once.
#pragma once

#include "strongroom/base/status.h"

namespace strongroom::batching {

// NotAuthentic has one wording, whatever is wrong with the data.
Status NotAuthentic();
// Draining: the engine shuts down.
Status Draining();
// DeadlinePassed: DEADLINE_EXCEEDED for an item that the token has not seen.
Status DeadlinePassed();

// Reworded returns NotAuthentic() for any NOT_AUTHENTIC, and every other status
// as it is.
Status Reworded(const Status& status);

}  // namespace strongroom::batching
