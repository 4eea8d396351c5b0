// OpenSslRefused: the failure made of a failed OpenSSL call.
#pragma once

#include <openssl/err.h>

#include <string>

#include "strongroom/base/status.h"

namespace strongroom::envelope {

// OpenSslRefused gives INTERNAL. It empties the thread's error queue, in which
// a failed call leaves entries: a TLS call on this thread would take them for
// its own.
inline Status OpenSslRefused(const char* call) {
  ERR_clear_error();
  return Error(Reason::kInternal,
               std::string("OpenSSL refused ") + call +
                   "; want success: check the OpenSSL installation");
}

}  // namespace strongroom::envelope
