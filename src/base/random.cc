#include "strongroom/base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace strongroom {

void FillRandom(MutableByteView out) {
  while (!out.empty()) {
    ssize_t got = getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      // Going on would mean predictable keys.
      std::perror("strongroom: getrandom failed");
      std::abort();
    }
    out = out.subspan(static_cast<size_t>(got));
  }
}

}  // namespace strongroom
