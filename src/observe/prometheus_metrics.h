// Metrics for Prometheus: the implementation of base/metrics.h, and its HTTP
// endpoint.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "strongroom/base/metrics.h"
#include "strongroom/base/status.h"

namespace strongroom::observe {

// PrometheusMetrics is thread-safe.
class PrometheusMetrics final : public Metrics {
 public:
  PrometheusMetrics();
  ~PrometheusMetrics() override;

  Counter& GetCounter(std::string_view name, std::string_view help,
                      MetricLabels labels = {}) override;
  Gauge& GetGauge(std::string_view name, std::string_view help,
                  MetricLabels labels = {}) override;
  Histogram& GetHistogram(std::string_view name, std::string_view help,
                          Buckets buckets, MetricLabels labels = {}) override;

  // Text is what /metrics answers, in the text format 0.0.4.
  std::string Text() const;

 private:
  friend class MetricsEndpoint;
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// MetricsEndpoint serves /metrics over plain HTTP, and nothing else.
class MetricsEndpoint {
 public:
  // Start listens on `address` ("127.0.0.1:7480"; port 0 picks one). The caller
  // has checked that it is loopback. `metrics` outlives the endpoint.
  // ADDRESS_IN_USE if it cannot listen there.
  static StatusOr<std::unique_ptr<MetricsEndpoint>> Start(
      const std::string& address, const PrometheusMetrics& metrics);
  ~MetricsEndpoint();
  int port() const;

 private:
  struct Parts;
  explicit MetricsEndpoint(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace strongroom::observe
