#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
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
                   Total total)
    : environment_(environment),
      shown_(environment.is_terminal(environment.err)),
      what_(std::move(what)),
      begun_(environment.clock.Steady()),
      total_(total),
      next_(begun_ + 200ms) {}

Progress::~Progress() {
  if (shown_) Put(environment_.err, "\r\033[K");
}

std::function<void(uint64_t)> Progress::OfFile() {
  if (!shown_) return nullptr;
  return [this, before = uint64_t{0}](uint64_t done) mutable {
    Show([&](State* state) { state->bytes += done - before; });
    before = done;
  };
}

void Progress::FileDone(uint64_t bytes_left_out) {
  if (!shown_) return;
  {
    MutexLock lock(mutex_);
    total_.bytes -= std::min(total_.bytes, bytes_left_out);
  }
  Show([](State* state) { ++state->files; });
}

void Progress::Show(const std::function<void(State*)>& change) {
  std::string line;
  {
    MutexLock lock(mutex_);
    change(&done_);
    const SteadyTime now = environment_.clock.Steady();
    if (now < next_) return;
    next_ = now + 100ms;
    line = Line(std::chrono::duration<double>(now - begun_).count());
  }
  Put(environment_.err, line);
}

std::string Progress::Line(double seconds) const {
  std::string line = "\r\033[K" + what_;
  if (total_.files > 0) {
    line += "  " + std::to_string(done_.files) + " of " +
            std::to_string(total_.files) + " files";
  }
  const bool counts_bytes = total_.bytes > 0 || done_.bytes > 0;
  const uint64_t done = counts_bytes ? done_.bytes : done_.files;
  const uint64_t total = counts_bytes ? total_.bytes : total_.files;
  const double rate = static_cast<double>(done) / seconds;
  if (counts_bytes) {
    line += "  " + FormatBytes(done);
    if (total > 0) line += " of " + FormatBytes(total);
  }
  if (total > 0) line += " (" + std::to_string(done * 100 / total) + "%)";
  line += counts_bytes
              ? "  " + FormatBytes(static_cast<uint64_t>(rate)) + "/s"
              : "  " + std::to_string(static_cast<uint64_t>(rate)) + " files/s";
  if (total > done && rate > 0) {
    const auto left = std::chrono::seconds(
        static_cast<int64_t>(static_cast<double>(total - done) / rate) + 1);
    line += "  " + FormatDuration(left) + " left";
  }
  return line;
}

}  // namespace strongroom::cli
