#include "load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace strongroom::load {
namespace {

// Each power of two is cut into 2^7 buckets.
constexpr int kBits = 7;
constexpr uint64_t kPerOctave = uint64_t{1} << kBits;
constexpr int kMaxShift = 40 - kBits;
constexpr uint64_t kMaxValue = (uint64_t{1} << 40) - 1;

// Below 2 * kPerOctave each nanosecond has its bucket (shift 0).
int ShiftOf(uint64_t value) {
  return std::max(0, static_cast<int>(std::bit_width(value)) - kBits - 1);
}

size_t BucketOf(uint64_t value) {
  const int shift = ShiftOf(value);
  return shift * kPerOctave + (value >> shift);
}

// The largest value of a bucket.
uint64_t TopOf(size_t bucket) {
  if (bucket < 2 * kPerOctave) return bucket;
  const uint64_t shift = bucket / kPerOctave - 1;
  return ((bucket - shift * kPerOctave + 1) << shift) - 1;
}

}  // namespace

Histogram::Histogram() : counts_((kMaxShift + 1) * kPerOctave) {}

void Histogram::Record(std::chrono::nanoseconds duration) {
  const auto value = std::min<uint64_t>(
      duration.count() < 0 ? 0 : duration.count(), kMaxValue);
  ++counts_[BucketOf(value)];
  ++count_;
  sum_ += static_cast<double>(value);
  max_ = std::max(max_, std::chrono::nanoseconds(value));
}

void Histogram::Add(const Histogram& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

std::chrono::nanoseconds Histogram::Mean() const {
  if (count_ == 0) return {};
  return std::chrono::nanoseconds(
      std::llround(sum_ / static_cast<double>(count_)));
}

std::chrono::nanoseconds Histogram::ValueAt(double quantile) const {
  if (count_ == 0) return {};
  const auto wanted = std::max<uint64_t>(
      1,
      static_cast<uint64_t>(std::ceil(quantile * static_cast<double>(count_))));
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted) {
      return std::min(max_, std::chrono::nanoseconds(TopOf(i)));
    }
  }
  return max_;
}

}  // namespace strongroom::load
