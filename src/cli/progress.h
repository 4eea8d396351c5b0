// Progress: one line on a terminal, with rate and time left; nothing elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "cli/strongroom.h"

namespace strongroom::cli {

class Progress {
 public:
  // `total` bytes are expected; 0: not known.
  Progress(const Environment& environment, std::string what, uint64_t total);
  ~Progress();  // the line is removed
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Shown at most ten times a second.
  void Show(uint64_t done);

 private:
  const Environment& environment_;
  const bool shown_;
  const std::string what_;
  const uint64_t total_;
  const SteadyTime begun_;
  SteadyTime next_;
};

// FormatBytes: "17 B", "4.0 GiB".
std::string FormatBytes(uint64_t bytes);

}  // namespace strongroom::cli
