#include "cli/progress.h"

#include <unistd.h>

#include <cstdio>

#include "cli/text.h"

namespace strongroom::cli {
namespace {

using namespace std::chrono_literals;

void Put(int fd, const std::string& text) {
  [[maybe_unused]] ssize_t ignored = write(fd, text.data(), text.size());
}

}  // namespace

std::string FormatBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.1f %s", value,
                kUnits[unit]);
  return text;
}

Progress::Progress(const Environment& environment, std::string what,
                   uint64_t total)
    : environment_(environment),
      shown_(environment.is_terminal(environment.err)),
      what_(std::move(what)),
      total_(total),
      begun_(environment.clock.Steady()),
      next_(begun_ + 200ms) {}

Progress::~Progress() {
  if (shown_) Put(environment_.err, "\r\033[K");
}

void Progress::Show(uint64_t done) {
  if (!shown_) return;
  const SteadyTime now = environment_.clock.Steady();
  if (now < next_) return;
  next_ = now + 100ms;
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const double rate = static_cast<double>(done) / seconds;
  std::string line = "\r\033[K" + what_ + "  " + FormatBytes(done);
  if (total_ > 0) {
    line += " of " + FormatBytes(total_) + " (" +
            std::to_string(done * 100 / total_) + "%)";
  }
  line += "  " + FormatBytes(static_cast<uint64_t>(rate)) + "/s";
  if (total_ > done && rate > 0) {
    const auto left = std::chrono::seconds(
        static_cast<int64_t>(static_cast<double>(total_ - done) / rate) + 1);
    line += "  " + FormatDuration(left) + " left";
  }
  Put(environment_.err, line);
}

}  // namespace strongroom::cli
