// What stands in the way of a KEK's destruction.
#pragma once

#include "strongroom/store/store.h"

namespace strongroom::keyring {

// CheckNothingDepends is DEKS_OUTSTANDING, with the count, if registered DEKs
// are wrapped under the version. Asked in the transaction that decides; from
// then on the version takes no more of them.
Status CheckNothingDepends(store::ReadTransaction& transaction,
                           const store::KeyRow& key, uint32_t version);

}  // namespace strongroom::keyring
