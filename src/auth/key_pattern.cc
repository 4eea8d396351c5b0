#include "auth/key_pattern.h"

#include "strongroom/base/names.h"

namespace strongroom::auth {
namespace {

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

Status Fault(std::string_view text, std::string_view fault) {
  return Error(
      Reason::kConfigInvalid,
      "key pattern '" + std::string(text) + "' " + std::string(fault) +
          "; want a key name, '*' for any characters within a segment, '**' "
          "as the last segment for everything below");
}

// TakeSegment cuts the first segment off, and the '/' after it.
std::string_view TakeSegment(std::string_view* rest) {
  size_t slash = rest->find('/');
  std::string_view segment = rest->substr(0, slash);
  rest->remove_prefix(slash == std::string_view::npos ? rest->size()
                                                      : slash + 1);
  return segment;
}

// SegmentFault is what is wrong with one segment; empty if nothing is.
std::string_view SegmentFault(std::string_view segment, bool last) {
  if (segment.empty()) return "has an empty segment";
  if (segment == "**") return last ? "" : "has '**' before its last segment";
  char previous = 0;
  for (char c : segment) {
    if (c == '*' && previous == '*') return "has '**' beside other characters";
    if (c != '*' && !IsNameChar(c)) return "has a character no key name has";
    previous = c;
  }
  if (segment[0] == '.' || segment[0] == '_' || segment[0] == '-') {
    return "has a segment that begins as no key name's does";
  }
  return "";
}

// On a mismatch only the last star is tried again, one character further: an
// earlier star can never need more, so nothing is explored twice.
bool SegmentMatches(std::string_view pattern, std::string_view segment) {
  size_t p = 0;
  size_t s = 0;
  size_t star = std::string_view::npos;
  size_t star_end = 0;
  while (s < segment.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_end = s;
    } else if (p < pattern.size() && pattern[p] == segment[s]) {
      ++p;
      ++s;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      s = ++star_end;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

StatusOr<KeyPattern> KeyPattern::Parse(std::string_view text) {
  if (text.empty()) return Fault(text, "is empty");
  if (text.size() > KeyName::kMaxSize) {
    return Fault(text.substr(0, 32), "... is longer than any key name");
  }
  if (text.back() == '/') return Fault(text, "ends with '/'");
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view segment = TakeSegment(&rest);
    std::string_view fault = SegmentFault(segment, rest.empty());
    if (!fault.empty()) return Fault(text, fault);
  }
  return KeyPattern(std::string(text));
}

bool KeyPattern::Matches(std::string_view name) const {
  if (name.empty() || name.size() > KeyName::kMaxSize || name.back() == '/') {
    return false;
  }
  std::string_view pattern = text_;
  while (!pattern.empty()) {
    if (name.empty()) return false;
    std::string_view wanted = TakeSegment(&pattern);
    if (wanted == "**") return true;
    if (!SegmentMatches(wanted, TakeSegment(&name))) return false;
  }
  return name.empty();
}

}  // namespace strongroom::auth
