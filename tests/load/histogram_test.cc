#include "load/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace strongroom::load {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;

TEST(HistogramTest, AnEmptyOneSaysZero) {
  Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Mean(), nanoseconds(0));
  EXPECT_EQ(histogram.ValueAt(0.99), nanoseconds(0));
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (int i = 1; i <= 200; ++i) histogram.Record(nanoseconds(i));
  EXPECT_EQ(histogram.ValueAt(0.5), nanoseconds(100));
  EXPECT_EQ(histogram.ValueAt(0.99), nanoseconds(198));
  EXPECT_EQ(histogram.ValueAt(1), nanoseconds(200));
}

TEST(HistogramTest, AnyValueIsAtMostOnePercentTooHighAndNeverTooLow) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    const nanoseconds value(random() >> (24 + random() % 40));
    Histogram histogram;
    histogram.Record(value);
    // A second, larger one, so that the maximum does not tell the first.
    histogram.Record(nanoseconds((int64_t{1} << 40) - 1));
    const nanoseconds found = histogram.ValueAt(0.5);
    ASSERT_GE(found, value);
    ASSERT_LE(static_cast<double>(found.count()),
              static_cast<double>(value.count()) * 1.008 + 1);
  }
}

TEST(HistogramTest, QuantilesNeverGoBeyondTheMaximum) {
  Histogram histogram;
  histogram.Record(nanoseconds(1000001));
  EXPECT_EQ(histogram.ValueAt(0.5), nanoseconds(1000001));
  EXPECT_EQ(histogram.max(), nanoseconds(1000001));
}

TEST(HistogramTest, QuantilesOfALongTailAreThoseOfTheSortedSample) {
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> microseconds(5, 1.5);
  Histogram histogram;
  std::vector<int64_t> sample;
  for (int i = 0; i < 100'000; ++i) {
    sample.push_back(static_cast<int64_t>(1000 * microseconds(random)));
    histogram.Record(nanoseconds(sample.back()));
  }
  std::sort(sample.begin(), sample.end());
  for (double q : {0.001, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = static_cast<size_t>(std::ceil(q * 100'000)) - 1;
    const auto want = static_cast<double>(sample[rank]);
    const auto found = static_cast<double>(histogram.ValueAt(q).count());
    EXPECT_GE(found, want) << q;
    EXPECT_LE(found, want * 1.008 + 1) << q;
  }
  double sum = 0;
  for (int64_t value : sample) sum += static_cast<double>(value);
  EXPECT_NEAR(static_cast<double>(histogram.Mean().count()), sum / 100'000, 1);
}

TEST(HistogramTest, NegativeAndEndlessDurationsAreCountedAtTheEnds) {
  Histogram histogram;
  histogram.Record(nanoseconds(-5));
  histogram.Record(hours(100));
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.ValueAt(0.5), nanoseconds(0));
  EXPECT_EQ(histogram.max(), nanoseconds((int64_t{1} << 40) - 1));
}

TEST(HistogramTest, AddingIsAsIfAllHadBeenRecordedInOne) {
  Histogram a, b, both;
  for (int i = 0; i < 1000; ++i) {
    (i % 3 == 0 ? a : b).Record(nanoseconds(i * 997));
    both.Record(nanoseconds(i * 997));
  }
  a.Add(b);
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.Mean(), both.Mean());
  EXPECT_EQ(a.max(), both.max());
  for (double q : {0.0, 0.1, 0.5, 0.9, 0.999, 1.0}) {
    EXPECT_EQ(a.ValueAt(q), both.ValueAt(q)) << q;
  }
}

}  // namespace
}  // namespace strongroom::load
