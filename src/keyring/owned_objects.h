// Pairs the objects on the token with what the store knows of them.
#pragma once

#include <vector>

#include "strongroom/keyring/keyring.h"

namespace strongroom::keyring {

// DescribeObjects is Keyring::DescribeObjects.
StatusOr<std::vector<OwnedObject>> DescribeObjects(store::Store& store,
                                                   hsm::Device& device);

}  // namespace strongroom::keyring
