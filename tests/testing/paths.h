// Where the tests find files that are not compiled in.
//
// Absolute paths are in paths.cc alone: in every test's command line they would
// keep a compiler cache from serving one clone with the work of another.
#pragma once

#include <string>
#include <string_view>

namespace strongroom::testing {

// SourcePath is the absolute path of a file of the repository.
std::string SourcePath(std::string_view relative);
// BuildPath is the absolute path of a file of the build.
std::string BuildPath(std::string_view relative);

}  // namespace strongroom::testing
