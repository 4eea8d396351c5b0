// What depends on a key's versions.
#pragma once

#include <span>

#include "service/operation.h"

namespace strongroom::service::ops {

extern const Operation<model::OfKey, model::Census> kGetCensus;
extern const Operation<model::ReportDependence, model::Nothing>
    kReportDependence;
std::span<const Row> CensusRows();

}  // namespace strongroom::service::ops
