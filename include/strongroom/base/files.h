// Small files: configuration, policy, PIN, certificates.
#pragma once

#include <string>

#include "strongroom/base/bytes.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"

namespace strongroom {

// ReadFile reads a regular file of at most max_size bytes. FILE_UNREADABLE
// (absent, not a regular file, no permission, too large), naming the path.
StatusOr<std::string> ReadFile(const std::string& path,
                               size_t max_size = 1 << 20);

// ReadPrivateFile also refuses (FILE_NOT_PRIVATE) a file that group or others
// can read or write, or that is owned by neither this user nor root; the check
// is made on the open descriptor. The message says which chmod helps.
StatusOr<SecretBytes> ReadPrivateFile(const std::string& path,
                                      size_t max_size = 1 << 16);

// CheckPrivateFile refuses what ReadPrivateFile refuses, without reading.
Status CheckPrivateFile(const std::string& path);

// WriteFileAtomically writes path.tmp, fsyncs, renames, fsyncs the directory.
// The file has exactly this mode, whatever the umask. FILE_UNREADABLE naming
// the path and the step; then the old file stands and path.tmp is gone (if the
// last fsync fails, the new one may stand).
Status WriteFileAtomically(const std::string& path, ByteView contents,
                           unsigned mode);

}  // namespace strongroom
