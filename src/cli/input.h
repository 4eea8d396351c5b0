// Input of data commands: a file or standard input, bounded, in locked memory.
#pragma once

#include <string>

#include "cli/strongroom.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::cli {

struct InputSpec {
  std::string path;  // "-": standard input
  bool base64 = false;
  size_t max_size = 0;  // of the bytes, base64 removed
  Reason too_large;     // the reason when there is more
  std::string too_large_advice;
};

// ReadInput gives the input; it stops reading once that is larger than
// max_size. FILE_UNREADABLE, `too_large`, ARGUMENT_INVALID (not base64).
StatusOr<SecretBytes> ReadInput(const Environment& environment,
                                const InputSpec& spec);

// ReadPlaintext, ReadDek and ReadToken are ReadInput with the bounds of each:
// PLAINTEXT_TOO_LARGE; DEK_SIZE_INVALID; MALFORMED (empty, larger than any
// token string, or base64 where `base64` is false).
StatusOr<SecretBytes> ReadPlaintext(const Environment& environment,
                                    const std::string& path, bool base64);
StatusOr<SecretBytes> ReadDek(const Environment& environment,
                              const std::string& path, bool base64);
StatusOr<Bytes> ReadToken(const Environment& environment,
                          const std::string& path, bool base64);

// NameOf is the path, or "standard input".
std::string NameOfInput(const std::string& path);

}  // namespace strongroom::cli
