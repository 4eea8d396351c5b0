// Histogram: how often each duration occurred, to better than one percent, in
// memory that does not grow (the method of HdrHistogram: buckets whose width
// doubles with the magnitude).
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace strongroom::load {

// Histogram counts durations from 0 to 18 minutes; longer ones count as that.
// Thread rule: as a value.
class Histogram {
 public:
  Histogram();

  void Record(std::chrono::nanoseconds duration);
  // Add counts all that `other` has seen.
  void Add(const Histogram& other);

  uint64_t count() const { return count_; }
  // The rest are 0 when nothing was recorded.
  std::chrono::nanoseconds max() const { return max_; }
  std::chrono::nanoseconds Mean() const;
  // ValueAt gives the quantile (0..1) of the durations, at most 0.8% too high.
  std::chrono::nanoseconds ValueAt(double quantile) const;

 private:
  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  double sum_ = 0;
  std::chrono::nanoseconds max_{0};
};

}  // namespace strongroom::load
