// The one place that includes Cryptoki (PKCS#11 v2.40, as p11-kit has it).
#pragma once

#include <p11-kit/pkcs11.h>

#include <array>

namespace strongroom::hsm {

// PKCS#11 v3.0 3.1: what newer devices answer when an AEAD does not open.
inline constexpr CK_RV kCkrAeadDecryptFailed = 0x42UL;

}  // namespace strongroom::hsm
