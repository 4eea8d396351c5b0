// The SoftHSM token of a development directory.
#pragma once

#include <string>
#include <vector>

#include "strongroom/base/status.h"
#include "strongroom/hsm_pkcs11/pkcs11_device.h"

namespace strongroom::server {

// PrepareDevToken makes DIR/tokens with one token, DIR/pin (random, 0600) and
// DIR/softhsm2.conf, or finds them, and sets SOFTHSM2_CONF. A token that is
// missing while `store_path` exists is not replaced: its KEKs are lost, and
// that is said (TOKEN_NOT_FOUND). One whose own file SoftHSM left empty when a
// process died is put back from DIR/token.*.copy.
StatusOr<hsm::Pkcs11Options> PrepareDevToken(const std::string& directory,
                                             const std::string& store_path,
                                             std::vector<std::string>* made);

}  // namespace strongroom::server
