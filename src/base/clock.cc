#include "strongroom/base/clock.h"

#include <charconv>

namespace strongroom {
namespace {

class SystemClock final : public Clock {
 public:
  WallTime Now() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }
  SteadyTime Steady() const override {
    return std::chrono::steady_clock::now();
  }
};

// Every request's record has a time: printf would be a good part of its cost.
void AppendPadded(int64_t value, size_t width, char after, std::string* out) {
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  const auto size = static_cast<size_t>(end - digits);
  if (size < width) out->append(width - size, '0');
  out->append(digits, size);
  *out += after;
}

}  // namespace

const Clock& Clock::System() {
  static const Clock& clock = *new SystemClock;
  return clock;
}

std::string FormatTime(WallTime time) {
  using std::chrono::milliseconds;
  auto whole = std::chrono::floor<milliseconds>(time);
  auto day = std::chrono::floor<std::chrono::days>(whole);
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss<milliseconds> clock(whole - day);
  std::string text;
  text.reserve(24);
  AppendPadded(static_cast<int>(date.year()), 4, '-', &text);
  AppendPadded(static_cast<unsigned>(date.month()), 2, '-', &text);
  AppendPadded(static_cast<unsigned>(date.day()), 2, 'T', &text);
  AppendPadded(clock.hours().count(), 2, ':', &text);
  AppendPadded(clock.minutes().count(), 2, ':', &text);
  AppendPadded(clock.seconds().count(), 2, '.', &text);
  AppendPadded(clock.subseconds().count(), 3, 'Z', &text);
  return text;
}

}  // namespace strongroom
