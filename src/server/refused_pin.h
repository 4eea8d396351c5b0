// A note beside the store that the token refused a PIN, so that a supervisor
// that starts the service again and again does not lock the token.
#pragma once

#include "server/config.h"
#include "strongroom/base/status.h"

namespace strongroom::server {

// CheckPinNotRefused: HSM_LOGIN_REFUSED while the PIN file is the same (device,
// inode, size, time of change) as when this token refused it; the message says
// how to go on. The PIN itself is neither read nor kept.
Status CheckPinNotRefused(const Config& config);

// NoteLogin leaves the note (<store.path>.pin-refused) if `opened`, the result
// of opening the token, is HSM_LOGIN_REFUSED, and removes it if it is OK. What
// cannot be written is logged: the refusal itself is what matters.
void NoteLogin(const Config& config, const Status& opened);

}  // namespace strongroom::server
