// The version of this source. CMakeLists.txt reads it from here.
#pragma once

namespace strongroom {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace strongroom
