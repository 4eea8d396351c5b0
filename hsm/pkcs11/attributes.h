// Attributes that are asked of every key, and read back once it exists.
#pragma once

#include <span>
#include <string>

#include "hsm/pkcs11/session.h"

namespace strongroom::hsm {

struct WantedFlag {
  CK_ATTRIBUTE_TYPE type;
  bool value;
  const char* name;
};

// Flag points to a constant: it outlives every template.
CK_ATTRIBUTE Flag(CK_ATTRIBUTE_TYPE type, bool value);

// IsAbsent is true for answers that say that the object has no such value.
bool IsAbsent(CK_RV rv);

// CheckFlags reads the flags back: *fault is empty, or names the first one that
// is not as wanted.
CK_RV CheckFlags(const Session& session, CK_OBJECT_HANDLE object,
                 std::span<const WantedFlag> wanted, std::string* fault);

}  // namespace strongroom::hsm
