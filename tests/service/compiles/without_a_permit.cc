// Must not compile: a handler is called without a permit.
#include "service/ops/keys.h"

namespace strongroom::service {

StatusOr<model::Key> Rotate(Request& request) {
  return ops::RotateKey(request, {"demo/app"});
}

}  // namespace strongroom::service
