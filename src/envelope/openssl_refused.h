// What a failed OpenSSL call becomes.
#pragma once

#include <openssl/err.h>

#include <string>

#include "strongroom/base/status.h"

namespace strongroom::envelope {

// OpenSslRefused is INTERNAL. A failed call leaves entries in the thread's
// error queue; they are dropped, lest a TLS call on this thread takes them for
// its own.
inline Status OpenSslRefused(const char* call) {
  ERR_clear_error();
  return Error(Reason::kInternal,
               std::string("OpenSSL refused ") + call +
                   "; want success: check the OpenSSL installation");
}

}  // namespace strongroom::envelope
