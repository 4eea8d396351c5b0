// The rule for files with secrets, apart from the files themselves.
#pragma once

#include <sys/types.h>

#include <string>

#include "strongroom/base/status.h"

namespace strongroom {

// CheckPrivate fails FILE_NOT_PRIVATE if a file of this mode and owner is not
// fit to hold a secret of `user`; the message says what mends it.
Status CheckPrivate(const std::string& path, mode_t mode, uid_t owner,
                    uid_t user);

}  // namespace strongroom
