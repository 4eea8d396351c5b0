// The bounds of what a key may be told. ARGUMENT_INVALID outside them.
#pragma once

#include "strongroom/base/status.h"
#include "strongroom/keyring/keyring.h"

namespace strongroom::keyring {

Status ValidateNewKey(const NewKey& key);
Status ValidateChange(const KeyChange& change);

}  // namespace strongroom::keyring
