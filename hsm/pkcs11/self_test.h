// The proof at start that a token can do what every later call relies on.
#pragma once

#include "hsm/pkcs11/module.h"
#include "hsm/pkcs11/session.h"
#include "strongroom/hsm/profile.h"

namespace strongroom::hsm {

// CheckMechanisms fails HSM_CAPABILITY_MISSING, naming the mechanism or flag.
Status CheckMechanisms(const Module& module, const Token& token);

// RunSelfTest makes a session KEK, two seals (IVs differ and are not zero),
// opens both, and requires that changed data, tag and aad are refused; then
// destroys the KEK. Also answers "is the device well?" when a known answer
// fails. HSM_CAPABILITY_MISSING names the step that failed.
Status RunSelfTest(const Session& session, const Profile& profile);

}  // namespace strongroom::hsm
