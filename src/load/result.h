// Results: what a run found, as JSON that other runs are compared with.
#pragma once

#include <string>

#include "load/runner.h"
#include "nlohmann/json.hpp"
#include "strongroom/base/status.h"

namespace strongroom::load {

using Json = nlohmann::ordered_json;

// The format's version, in the field "strongroom_bench" of each document.
inline constexpr int kResultVersion = 1;

// MachineJson describes this machine: processor, cores, memory, system.
Json MachineJson();
// PointJson is one measurement: {"label": "closed 64", "requests_per_s": ...}.
Json PointJson(const Load& load, const Measurement& measurement);
// PointText is the same for people, one line; HeadingText goes above.
std::string HeadingText();
std::string PointText(const Json& point);

// ReadResult reads a document that `run --json` wrote. FILE_UNREADABLE;
// ARGUMENT_INVALID if it is something else.
StatusOr<Json> ReadResult(const std::string& path);

}  // namespace strongroom::load
