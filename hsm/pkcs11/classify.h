// What a Cryptoki return value means here: the one function that decides.
//
// It is pure. What follows from a cause is in recovery.h; docs/operations.md
// has the table.
#pragma once

#include "strongroom/hsm/profile.h"

namespace strongroom::hsm {

enum class Operation {
  kOpenSession,
  kSessionInfo,
  kLogin,
  kFind,
  kReadAttributes,
  kSeal,
  kOpen,
  kSign,
  kGenerate,
  kDestroy,
};

enum class Cause {
  kOk,
  kNotAuthentic,   // the data does not authenticate; the device is well
  kDataOrDevice,   // either: only a known answer can tell
  kSessionLost,    // a new session, and once more
  kNotLoggedIn,    // log in, and once more
  kHandleInvalid,  // find the object again, and once more
  kBusy,           // the token is out of sessions or memory
  kDeviceLost,     // the token is away
  kLoginRefused,   // stop until an operator acts
  kCapability,     // the token cannot do this, or not with this key
  kUnexpected,
};

// Classify knows every value of the standard; the rest is kUnexpected.
Cause Classify(Operation operation, unsigned long value,
               const Profile& profile);

}  // namespace strongroom::hsm
