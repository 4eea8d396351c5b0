// Registered DEKs of a key.
#pragma once

#include <span>

#include "service/operation.h"

namespace strongroom::service::ops {

extern const Operation<model::ListDeks, model::DekPage> kListDeks;
extern const Operation<model::OfDek, model::Dek> kGetDek;
extern const Operation<model::OfDek, model::Nothing> kDeleteDek;
extern const Operation<model::OfDek, model::Nothing> kShredDek;
std::span<const Row> DekRows();

}  // namespace strongroom::service::ops
