// Progress: one line on a terminal, with rate and time left; nothing elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "cli/strongroom.h"
#include "strongroom/base/mutex.h"

namespace strongroom::cli {

// Of one file, or of many that are done side by side. Thread-safe.
class Progress {
 public:
  struct Total {
    uint64_t bytes = 0;  // 0: not known, or not what counts
    uint64_t files = 0;  // 0: it is one file
  };
  Progress(const Environment& environment, std::string what, Total total);
  ~Progress();  // the line is removed
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // OfFile counts one file's bytes: it takes how many are done so far.
  std::function<void(uint64_t)> OfFile();
  // FileDone counts a file. Bytes of it that needed no work do not count for
  // the time left.
  void FileDone(uint64_t bytes_left_out = 0) SR_EXCLUDES(mutex_);

 private:
  struct State {
    uint64_t bytes = 0;
    uint64_t files = 0;
  };
  void Show(const std::function<void(State*)>& change) SR_EXCLUDES(mutex_);
  std::string Line(double seconds) const SR_REQUIRES(mutex_);

  const Environment& environment_;
  const bool shown_;
  const std::string what_;
  const SteadyTime begun_;

  Mutex mutex_;
  Total total_ SR_GUARDED_BY(mutex_);
  State done_ SR_GUARDED_BY(mutex_);
  SteadyTime next_ SR_GUARDED_BY(mutex_);
};

// FormatBytes: "17 B", "4.0 GiB".
std::string FormatBytes(uint64_t bytes);

}  // namespace strongroom::cli
