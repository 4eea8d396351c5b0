// Random bytes from getrandom(2), at the moment of use.
#pragma once

#include "strongroom/base/bytes.h"

namespace strongroom {

// FillRandom fills `out` from the kernel's generator. There is no buffer, so a
// cloned or resumed virtual machine does not repeat earlier bytes. Ends the
// process if the kernel refuses, which it does only during boot.
void FillRandom(MutableByteView out);

}  // namespace strongroom
