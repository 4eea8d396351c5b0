// Small files: configuration, policy, PIN, certificates.
#pragma once

#include <string>

#include "strongroom/base/bytes.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"

namespace strongroom {

// ReadFile gives a regular file's bytes, at most max_size. FILE_UNREADABLE,
// with the path, if absent, not regular, too large, or not to be read.
StatusOr<std::string> ReadFile(const std::string& path,
                               size_t max_size = 1 << 20);

// ReadPrivateFile is ReadFile for secrets. FILE_NOT_PRIVATE, with the chmod
// that helps, if group or others can read or write the file, or if its owner is
// neither this user nor root. The open descriptor is checked, not the path.
StatusOr<SecretBytes> ReadPrivateFile(const std::string& path,
                                      size_t max_size = 1 << 16);

// CheckPrivateFile gives the failure of ReadPrivateFile without reading.
Status CheckPrivateFile(const std::string& path);

// WriteFileAtomically writes path.tmp, flushes it, renames it to `path` and
// flushes the directory. The file gets exactly this mode, whatever the umask.
// FILE_UNREADABLE, naming path and step: then the old file stands and path.tmp
// is gone. If the flush of the directory failed, the new file may stand.
Status WriteFileAtomically(const std::string& path, ByteView contents,
                           unsigned mode);

}  // namespace strongroom
