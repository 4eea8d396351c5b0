#pragma once

namespace strongroom::server {

// The project's version, as in the top CMakeLists.txt (a test compares them).
inline constexpr char kVersion[] = "0.1.0";

}  // namespace strongroom::server
