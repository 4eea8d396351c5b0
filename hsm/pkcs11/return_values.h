// Names of Cryptoki return values, for messages.
#pragma once

#include <string>
#include <string_view>

namespace strongroom::hsm {

// ReturnValueName is "CKR_DEVICE_ERROR (0x30)"; the number alone for values
// the standard does not name.
std::string ReturnValueName(unsigned long value);

}  // namespace strongroom::hsm
