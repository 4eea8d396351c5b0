// Must not compile: only the policy makes a permit.
#include "service/ops/keys.h"

namespace strongroom::service {

auth::Permit Mine(const auth::Caller& caller) {
  return auth::Permit(auth::Action::kRotateKey, caller, Uuid(), "demo/app");
}

}  // namespace strongroom::service
