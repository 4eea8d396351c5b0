// The report: one HTML file with everything in it, that any browser shows.
#pragma once

#include <string>

#include "load/result.h"

namespace strongroom::load {

// ReportHtml draws latency against throughput, items per token operation
// against throughput (if the service told its cost), and a table of all points.
// No text of `result` reaches the page unescaped.
std::string ReportHtml(const Json& result);

}  // namespace strongroom::load
