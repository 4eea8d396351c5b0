#include "strongroom/base/clock.h"

#include <time.h>

#include <algorithm>
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
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return SteadyTime(std::chrono::seconds(now.tv_sec) +
                      std::chrono::nanoseconds(now.tv_nsec));
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

SteadyTime ForWait(SteadyTime time) {
  // Far away enough, and no overflow.
  const auto left = std::min<SteadyTime::duration>(
      time - Clock::System().Steady(), std::chrono::hours(24 * 365));
  return std::chrono::steady_clock::now() + left;
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
