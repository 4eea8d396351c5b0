#include "strongroom/base/metrics.h"

namespace strongroom {
namespace {

class NullCounter final : public Counter {
 public:
  void Add(double) override {}
};
class NullGauge final : public Gauge {
 public:
  void Set(double) override {}
};
class NullHistogram final : public Histogram {
 public:
  void Observe(double) override {}
};

class NullMetricsImpl final : public Metrics {
 public:
  Counter& GetCounter(std::string_view, std::string_view,
                      MetricLabels) override {
    return counter_;
  }
  Gauge& GetGauge(std::string_view, std::string_view, MetricLabels) override {
    return gauge_;
  }
  Histogram& GetHistogram(std::string_view, std::string_view, Buckets,
                          MetricLabels) override {
    return histogram_;
  }

 private:
  NullCounter counter_;
  NullGauge gauge_;
  NullHistogram histogram_;
};

}  // namespace

Metrics& NullMetrics() {
  static Metrics& metrics = *new NullMetricsImpl;
  return metrics;
}

}  // namespace strongroom
