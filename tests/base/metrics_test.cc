#include "strongroom/base/metrics.h"

#include <gtest/gtest.h>

namespace strongroom {
namespace {

TEST(NullMetricsTest, EveryInstrumentTakesValuesAndStays) {
  Metrics& metrics = NullMetrics();
  EXPECT_EQ(&metrics, &NullMetrics());
  Counter& counter = metrics.GetCounter("c", "help", {{"label", "value"}});
  Gauge& gauge = metrics.GetGauge("g", "help");
  Histogram& histogram = metrics.GetHistogram("h", "help", Buckets::kSeconds);
  counter.Add();
  counter.Add(2);
  gauge.Set(-1);
  histogram.Observe(0.5);
  EXPECT_EQ(&counter, &metrics.GetCounter("c", "help", {{"label", "value"}}));
}

}  // namespace
}  // namespace strongroom
