// Must not compile: the keyring is reached without a permit.
#include "service/ops/keys.h"

namespace strongroom::service {

void Note(Request& request) { request.rooms.keyring().NoteOpened(Uuid(), 1); }

}  // namespace strongroom::service
