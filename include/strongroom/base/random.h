// Random bytes from getrandom(2), at the moment of use.
#pragma once

#include "strongroom/base/bytes.h"

namespace strongroom {

// FillRandom fills `out` from the kernel's generator: never from a buffered
// pool, so that a cloned or resumed virtual machine does not repeat what is
// drawn. Ends the process if the kernel refuses (it cannot after boot).
void FillRandom(MutableByteView out);

}  // namespace strongroom
