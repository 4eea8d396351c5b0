// The twin of those that must not compile: all of it with a permit.
#include "service/ops/keys.h"

namespace strongroom::service {

StatusOr<model::Key> Rotate(const auth::Permit& permit, Request& request) {
  request.rooms.keyring(permit).NoteOpened(permit.key_id(), 1);
  return ops::RotateKey(permit, request, {"demo/app"});
}

}  // namespace strongroom::service
