// Must not compile: only the authenticator makes a caller.
#include "service/ops/keys.h"

namespace strongroom::service {

auth::Caller Me() { return auth::Caller("cn:root", "CN=root"); }

}  // namespace strongroom::service
