// Text as it is shown to people: one UTF-8 character at a time, escaped.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace strongroom {

// Utf8CharSize is the size in bytes of the well-formed UTF-8 character that
// `s` begins with, or 0 if there is none (RFC 3629, section 4).
size_t Utf8CharSize(std::string_view s);

// IsControlAt is true if `s`, which begins with a well-formed character,
// begins with a control one: C0, DEL or C1, which a terminal may obey.
bool IsControlAt(std::string_view s);

// Escape keeps well-formed printable UTF-8; backslash and double quote get a
// backslash, control characters and all other bytes become \n, \r, \t or \xNN.
std::string Escape(std::string_view s);

// Quote is Escape in double quotes, cut to `max_size` bytes of input ("...").
std::string Quote(std::string_view s, size_t max_size = 64);

}  // namespace strongroom
