#include "base/text.h"

#include <cstdint>

namespace strongroom {
namespace {

bool InRange(char c, uint8_t low, uint8_t high) {
  auto byte = static_cast<uint8_t>(c);
  return byte >= low && byte <= high;
}

bool AllContinue(std::string_view s) {
  for (char c : s) {
    if (!InRange(c, 0x80, 0xBF)) return false;
  }
  return true;
}

// The second byte's range is what keeps out overlong forms (E0, F0),
// surrogates (ED) and what lies above U+10FFFF (F4).
bool SecondIsRight(uint8_t first, char second) {
  switch (first) {
    case 0xE0:
      return InRange(second, 0xA0, 0xBF);
    case 0xED:
      return InRange(second, 0x80, 0x9F);
    case 0xF0:
      return InRange(second, 0x90, 0xBF);
    case 0xF4:
      return InRange(second, 0x80, 0x8F);
    default:
      return InRange(second, 0x80, 0xBF);
  }
}

size_t SizeByFirstByte(uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

void AppendHexEscape(std::string* out, char c) {
  constexpr char kDigits[] = "0123456789abcdef";
  auto byte = static_cast<uint8_t>(c);
  *out += "\\x";
  *out += kDigits[byte >> 4];
  *out += kDigits[byte & 15];
}

void AppendEscape(std::string* out, char c) {
  switch (c) {
    case '\n':
      *out += "\\n";
      break;
    case '\r':
      *out += "\\r";
      break;
    case '\t':
      *out += "\\t";
      break;
    default:
      AppendHexEscape(out, c);
  }
}

}  // namespace

size_t Utf8CharSize(std::string_view s) {
  if (s.empty()) return 0;
  auto first = static_cast<uint8_t>(s[0]);
  size_t size = SizeByFirstByte(first);
  if (size <= 1) return size;
  if (s.size() < size || !SecondIsRight(first, s[1])) return 0;
  return AllContinue(s.substr(2, size - 2)) ? size : 0;
}

bool IsControlAt(std::string_view s) {
  auto first = static_cast<uint8_t>(s[0]);
  if (first < 0x20 || first == 0x7F) return true;
  return first == 0xC2 && static_cast<uint8_t>(s[1]) < 0xA0;
}

std::string Escape(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  while (!s.empty()) {
    size_t size = Utf8CharSize(s);
    if (size == 0 || IsControlAt(s)) {
      size = size == 0 ? 1 : size;
      for (char c : s.substr(0, size)) AppendEscape(&out, c);
    } else {
      if (s[0] == '"' || s[0] == '\\') out += '\\';
      out += s.substr(0, size);
    }
    s.remove_prefix(size);
  }
  return out;
}

std::string Quote(std::string_view s, size_t max_size) {
  if (s.size() <= max_size) return '"' + Escape(s) + '"';
  // Cut between characters, so that no half of one is shown as bytes.
  size_t end = max_size;
  while (end > 0 && InRange(s[end], 0x80, 0xBF)) --end;
  return '"' + Escape(s.substr(0, end)) + "...\"";
}

}  // namespace strongroom
