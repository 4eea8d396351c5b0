// The token, and the pair on it that signs.
#pragma once

#include <span>
#include <vector>

#include "service/operation.h"
#include "strongroom/model/token_object.h"

namespace strongroom::service::ops {

extern const Operation<model::Nothing, std::vector<model::TokenObject>>
    kListTokenObjects;
extern const Operation<model::Nothing, model::SigningKey> kGetSigningKey;
std::span<const Row> TokenRows();

}  // namespace strongroom::service::ops
