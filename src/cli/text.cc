#include "cli/text.h"

#include <algorithm>
#include <charconv>

#include "cli/report.h"
#include "strongroom/base/bytes.h"

namespace strongroom::cli {
namespace {

using std::chrono::milliseconds;

struct Unit {
  int64_t ms;
  const char* one;
  const char* many;
};
constexpr Unit kUnits[] = {{86'400'000, "day", "days"},
                           {3'600'000, "hour", "hours"},
                           {60'000, "minute", "minutes"},
                           {1000, "s", "s"},
                           {1, "ms", "ms"}};
constexpr int64_t kLongestMs = int64_t{200} * 366 * 86'400'000;

// SizeOfCharacter is that of the UTF-8 character `s` begins with, judged by its
// first byte and checked as a whole; 0 if it is none.
size_t SizeOfCharacter(std::string_view s) {
  auto first = static_cast<uint8_t>(s[0]);
  size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return size <= s.size() && IsUtf8(s.substr(0, size)) ? size : 0;
}

bool IsControl(std::string_view character) {
  auto first = static_cast<uint8_t>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  // U+0080..U+009F: the C1 controls, which some terminals obey.
  return character.size() == 2 && first == 0xc2 &&
         static_cast<uint8_t>(character[1]) < 0xa0;
}

size_t WidthOf(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

std::string Pad(const std::string& text, size_t width) {
  size_t have = WidthOf(text);
  return have < width ? text + std::string(width - have, ' ') : text;
}

void TrimRight(std::string* line) {
  while (!line->empty() && line->back() == ' ') line->pop_back();
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t size = SizeOfCharacter(text);
    if (size > 0 && !IsControl(text.substr(0, size))) {
      out += text.substr(0, size);
    } else {
      size = std::max<size_t>(size, 1);
      for (char c : text.substr(0, size)) {
        uint8_t byte = static_cast<uint8_t>(c);
        out += "\\x" + ToHex({&byte, 1});
      }
    }
    text.remove_prefix(size);
  }
  return out;
}

bool IsPrintable(std::string_view text) {
  while (!text.empty()) {
    size_t size = SizeOfCharacter(text);
    bool layout = text[0] == '\n' || text[0] == '\t';
    if (size == 0 || (IsControl(text.substr(0, size)) && !layout)) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string FormatDuration(milliseconds duration) {
  int64_t left = duration.count();
  std::string text;
  for (size_t i = 0; i < std::size(kUnits); ++i) {
    const Unit& unit = kUnits[i];
    int64_t count = left / unit.ms;
    if (count == 0) continue;
    text += std::to_string(count) + " " + (count == 1 ? unit.one : unit.many);
    // The next smaller unit too, if there is any of it; no more than two.
    if (i + 1 < std::size(kUnits) && unit.ms > 1000) {
      const Unit& next = kUnits[i + 1];
      int64_t rest = left % unit.ms / next.ms;
      if (rest > 0) {
        text += " " + std::to_string(rest) + " " +
                (rest == 1 ? next.one : next.many);
      }
    }
    return text;
  }
  return "0 s";
}

std::string ShowTime(WallTime time, WallTime now) {
  std::string text = FormatTime(time).substr(0, 19) + " UTC";
  text[10] = ' ';
  bool past = time <= now;
  auto distance = std::chrono::duration_cast<std::chrono::seconds>(
      past ? now - time : time - now);
  if (distance.count() < 1) return text + " (now)";
  // What was set to be 30 days from a moment ago is "in 30 days".
  if (!past && distance >= std::chrono::hours(1)) {
    distance = std::chrono::ceil<std::chrono::minutes>(distance);
  }
  std::string about = FormatDuration(distance);
  return text + (past ? " (" + about + " ago)" : " (in " + about + ")");
}

StatusOr<milliseconds> ParseDuration(std::string_view option,
                                     std::string_view text) {
  struct Suffix {
    std::string_view name;
    int64_t ms;
  };
  constexpr Suffix kSuffixes[] = {{"ms", 1},
                                  {"s", 1000},
                                  {"m", 60'000},
                                  {"h", 3'600'000},
                                  {"d", 86'400'000}};
  int64_t count = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, count);
  std::string_view rest(stop, static_cast<size_t>(end - stop));
  if (error == std::errc() && count == 0 && text == "0") {
    return milliseconds(0);
  }
  for (const Suffix& suffix : kSuffixes) {
    if (error != std::errc() || rest != suffix.name || count < 0) continue;
    if (count <= kLongestMs / suffix.ms) return milliseconds(count * suffix.ms);
  }
  return UsageError(std::string(option) + " is \"" + std::string(text) +
                    "\"; want a whole number with a unit, like 500ms, 10s, "
                    "15m, 12h or 90d, at most 200 years");
}

std::string Table(const std::vector<std::string>& head,
                  const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> all{head};
  for (const auto& row : rows) {
    all.emplace_back();
    for (const std::string& cell : row) all.back().push_back(Printable(cell));
  }
  std::vector<size_t> widths(head.size(), 0);
  for (const auto& row : all) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], WidthOf(row[i]));
    }
  }
  std::string out;
  for (const auto& row : all) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += Pad(row[i], widths[i] + 2);
    TrimRight(&line);
    out += line + "\n";
  }
  return out;
}

std::string Facts(const std::vector<std::pair<std::string, std::string>>& facts,
                  size_t indent) {
  size_t width = 0;
  for (const auto& [name, value] : facts) {
    width = std::max(width, WidthOf(name));
  }
  std::string out;
  for (const auto& [name, value] : facts) {
    std::string line = std::string(indent, ' ') + Pad(name + ":", width + 3) +
                       Printable(value);
    TrimRight(&line);
    out += line + "\n";
  }
  return out;
}

std::optional<std::string> Nearest(std::string_view word,
                                   const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  size_t best_distance = 3;  // further is no likeness
  for (const std::string& candidate : candidates) {
    size_t distance = EditDistance(word, candidate);
    if (distance >= best_distance || distance >= candidate.size()) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

}  // namespace strongroom::cli
