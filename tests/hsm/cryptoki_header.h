// The CKR_ constants of the installed pkcs11.h, read from its text, so that a
// newer header with a new one makes a test fail and not silently pass.
#pragma once

#include <p11-kit/pkcs11.h>

#include <fstream>
#include <map>
#include <regex>
#include <string>

namespace strongroom::hsm {

// CkrConstants maps name to value; empty if the header is not where Debian
// puts it, which every caller must take for a failure.
inline std::map<std::string, unsigned long> CkrConstants() {
  std::ifstream header("/usr/include/p11-kit-1/p11-kit/pkcs11.h");
  // (0x30UL), or ((unsigned long) (1UL << 31)).
  const std::regex define(
      R"(^#define\s+(CKR_\w+)\s+\((?:\(unsigned long\) \()?)"
      R"((0x[0-9a-fA-F]+|\d+)UL(?: << (\d+))?\)+\s*$)");
  std::map<std::string, unsigned long> constants;
  for (std::string line; std::getline(header, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, define)) continue;
    const unsigned long shift = match[3].matched ? std::stoul(match[3]) : 0;
    constants[match[1]] = std::stoul(match[2], nullptr, 0) << shift;
  }
  return constants;
}

// How often the header defines a CKR_, however it is written.
inline size_t CountCkrDefines() {
  std::ifstream header("/usr/include/p11-kit-1/p11-kit/pkcs11.h");
  size_t count = 0;
  for (std::string line; std::getline(header, line);) {
    count += line[0] == '#' && line.find("CKR_") != std::string::npos;
  }
  return count;
}

}  // namespace strongroom::hsm
