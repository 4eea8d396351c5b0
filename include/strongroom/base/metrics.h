// Metrics: counters, gauges and histograms for all modules. observe/ implements
// it for Prometheus; tests use NullMetrics or one that records.
//
// Names and label values are from fixed sets in the code (operations, reasons,
// outcomes), never from callers. Everything here is thread-safe and cheap.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace strongroom {

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double amount = 1) = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

using MetricLabels =
    std::initializer_list<std::pair<std::string_view, std::string_view>>;
// kSeconds: 10 us .. 30 s. kCount: powers of two 1 .. 4096.
enum class Buckets { kSeconds, kCount };

// Metrics makes instruments, one for each name and labels; they live as long as
// the Metrics. Call Get... at set-up and keep the reference, for it takes a
// lock. Thread-safe.
class Metrics {
 public:
  virtual ~Metrics() = default;
  virtual Counter& GetCounter(std::string_view name, std::string_view help,
                              MetricLabels labels = {}) = 0;
  virtual Gauge& GetGauge(std::string_view name, std::string_view help,
                          MetricLabels labels = {}) = 0;
  virtual Histogram& GetHistogram(std::string_view name, std::string_view help,
                                  Buckets buckets,
                                  MetricLabels labels = {}) = 0;
};

// NullMetrics counts nothing; it lives for ever.
Metrics& NullMetrics();

}  // namespace strongroom
