// Text for people: times, durations, tables. And durations read from options.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/status.h"

namespace strongroom::cli {

// Printable makes text of foreign origin safe to show: what is not printable
// UTF-8 becomes \xNN.
std::string Printable(std::string_view text);
// IsPrintable is true for text (line feeds and tabs included) that a terminal
// shows and does not obey.
bool IsPrintable(std::string_view text);

// FormatDuration: the two largest units: "90 days", "1 hour 30 minutes",
// "2 s", "500 ms".
std::string FormatDuration(std::chrono::milliseconds duration);
// ShowTime: "2025-01-31 08:00:00 UTC (3 days ago)", "(in 30 days)", "(now)".
std::string ShowTime(WallTime time, WallTime now);

// ParseDuration takes a whole number with ms, s, m, h or d, or 0; at most 200
// years. A usage error naming `option` otherwise.
StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view option,
                                                  std::string_view text);

// Table aligns columns; cells are made Printable.
std::string Table(const std::vector<std::string>& head,
                  const std::vector<std::vector<std::string>>& rows);
// Facts aligns "name: value" lines, each indented by `indent`.
std::string Facts(const std::vector<std::pair<std::string, std::string>>& facts,
                  size_t indent = 0);

// Nearest gives the candidate that differs least from `word`, if it is near.
std::optional<std::string> Nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

}  // namespace strongroom::cli
