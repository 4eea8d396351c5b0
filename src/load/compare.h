// Comparing two results, point by point.
#pragma once

#include <string>

#include "load/result.h"

namespace strongroom::load {

// CompareText is a table of B against A: for each point that both have, the
// ratios B/A of throughput (above 1: B is faster) and latencies (below 1: B is
// faster). It says when the machines or workloads differ.
std::string CompareText(const Json& a, const Json& b);

}  // namespace strongroom::load
