// The program strongroom-bench, as a function.
#pragma once

#include <string>
#include <vector>

namespace strongroom::load {

// StrongroomBench runs `run`, `report` or `compare`. Exit codes: 0 measured (or
// written); 1 it could not be, or requests failed; 2 the command line is wrong.
int StrongroomBench(const std::vector<std::string>& arguments);

}  // namespace strongroom::load
