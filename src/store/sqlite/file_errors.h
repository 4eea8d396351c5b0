// What an errno of the store's files means to the caller.
#pragma once

#include <string>
#include <string_view>

#include "strongroom/base/status.h"

namespace strongroom::store {

// FileFailure: "<doing> <path>: <strerror>; <what to do>". STORE_FULL,
// STORE_READ_ONLY, else STORE_UNAVAILABLE.
Status FileFailure(int error, std::string_view doing, const std::string& path);

// MeansFull: no space, no quota, or over the file size limit.
bool MeansFull(int error);

}  // namespace strongroom::store
