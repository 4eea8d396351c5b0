// One log line, as text or JSON, without its newline.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "strongroom/base/clock.h"
#include "strongroom/base/log.h"

namespace strongroom::log {

std::string_view LevelName(Level level);

// FormatLine gives `2025-01-31T08:00:00.000Z INFO message key=value`, or a
// JSON object with time, level, message and one string per field. Whatever
// the message and the values hold, the result is one line of valid UTF-8.
std::string FormatLine(WallTime time, Level level, Format format,
                       std::string_view message,
                       std::initializer_list<Field> fields);

}  // namespace strongroom::log
