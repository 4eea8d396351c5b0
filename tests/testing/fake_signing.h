// ECDSA on P-256 with the pairs of an ObjectTable, by OpenSSL.
#pragma once

#include <string_view>

#include "strongroom/base/status.h"
#include "tests/testing/object_table.h"

namespace strongroom::testing {

// MakeP256 adds a pair and gives its SubjectPublicKeyInfo; CONFLICT if the id
// exists.
StatusOr<Bytes> MakeP256(ObjectTable& objects, const Uuid& id,
                         std::string_view label);
// SIGNING_KEY_MISSING, as below.
StatusOr<Bytes> PublicP256(const ObjectTable& objects, const Uuid& id);
// SignP256 gives r and s, 32 bytes each.
StatusOr<Bytes> SignP256(const ObjectTable& objects, const Uuid& id,
                         ByteView sha256);

}  // namespace strongroom::testing
