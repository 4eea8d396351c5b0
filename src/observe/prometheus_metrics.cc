#include "observe/prometheus_metrics.h"

#include <arpa/inet.h>
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <map>
#include <thread>
#include <vector>

#include "strongroom/base/mutex.h"

namespace strongroom::observe {
namespace {

class CounterAdapter final : public Counter {
 public:
  explicit CounterAdapter(prometheus::Counter& to) : to_(to) {}
  void Add(double amount) override { to_.Increment(amount); }

 private:
  prometheus::Counter& to_;
};

class GaugeAdapter final : public Gauge {
 public:
  explicit GaugeAdapter(prometheus::Gauge& to) : to_(to) {}
  void Set(double value) override { to_.Set(value); }

 private:
  prometheus::Gauge& to_;
};

class HistogramAdapter final : public Histogram {
 public:
  explicit HistogramAdapter(prometheus::Histogram& to) : to_(to) {}
  void Observe(double value) override { to_.Observe(value); }

 private:
  prometheus::Histogram& to_;
};

prometheus::Histogram::BucketBoundaries BoundariesOf(Buckets buckets) {
  if (buckets == Buckets::kCount) {
    return {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};
  }
  return {10e-6,  25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3,
          2.5e-3, 5e-3,  10e-3, 25e-3,  50e-3,  0.1,    0.25,
          0.5,    1,     2.5,   5,      10,     30};
}

// The key of one instrument: name, then label names and values.
std::string KeyOf(std::string_view name, MetricLabels labels) {
  std::string key(name);
  for (const auto& [label, value] : labels) {
    key += '\0';
    key += label;
    key += '\0';
    key += value;
  }
  return key;
}

prometheus::Labels ToLabels(MetricLabels labels) {
  prometheus::Labels out;
  for (const auto& [label, value] : labels) {
    out.emplace(std::string(label), std::string(value));
  }
  return out;
}

// Knock opens a connection to the port and closes it.
void Knock(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  (void)connect(fd, reinterpret_cast<const sockaddr*>(&address),
                sizeof address);
  close(fd);
}

template <typename T>
using Instruments = std::map<std::string, std::unique_ptr<T>>;

}  // namespace

struct PrometheusMetrics::Parts {
  std::shared_ptr<prometheus::Registry> registry =
      std::make_shared<prometheus::Registry>();
  Mutex mutex;
  Instruments<CounterAdapter> counters SR_GUARDED_BY(mutex);
  Instruments<GaugeAdapter> gauges SR_GUARDED_BY(mutex);
  Instruments<HistogramAdapter> histograms SR_GUARDED_BY(mutex);
};

PrometheusMetrics::PrometheusMetrics() : parts_(std::make_unique<Parts>()) {}
PrometheusMetrics::~PrometheusMetrics() = default;

Counter& PrometheusMetrics::GetCounter(std::string_view name,
                                       std::string_view help,
                                       MetricLabels labels) {
  MutexLock lock(parts_->mutex);
  auto& place = parts_->counters[KeyOf(name, labels)];
  if (place == nullptr) {
    auto& family = prometheus::BuildCounter()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(*parts_->registry);
    place = std::make_unique<CounterAdapter>(family.Add(ToLabels(labels)));
  }
  return *place;
}

Gauge& PrometheusMetrics::GetGauge(std::string_view name, std::string_view help,
                                   MetricLabels labels) {
  MutexLock lock(parts_->mutex);
  auto& place = parts_->gauges[KeyOf(name, labels)];
  if (place == nullptr) {
    auto& family = prometheus::BuildGauge()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(*parts_->registry);
    place = std::make_unique<GaugeAdapter>(family.Add(ToLabels(labels)));
  }
  return *place;
}

Histogram& PrometheusMetrics::GetHistogram(std::string_view name,
                                           std::string_view help,
                                           Buckets buckets,
                                           MetricLabels labels) {
  MutexLock lock(parts_->mutex);
  auto& place = parts_->histograms[KeyOf(name, labels)];
  if (place == nullptr) {
    auto& family = prometheus::BuildHistogram()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(*parts_->registry);
    place = std::make_unique<HistogramAdapter>(
        family.Add(ToLabels(labels), BoundariesOf(buckets)));
  }
  return *place;
}

std::string PrometheusMetrics::Text() const {
  return prometheus::TextSerializer().Serialize(parts_->registry->Collect());
}

struct MetricsEndpoint::Parts {
  std::unique_ptr<prometheus::Exposer> exposer;
  int port = 0;
};

MetricsEndpoint::MetricsEndpoint(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)) {}
MetricsEndpoint::~MetricsEndpoint() {
  // CivetWeb notices that it should end when its accept loop wakes, which takes
  // up to two seconds: connections wake it.
  std::atomic<bool> ended{false};
  std::thread ending([&] {
    parts_->exposer.reset();
    ended = true;
  });
  while (!ended) {
    Knock(parts_->port);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ending.join();
}

int MetricsEndpoint::port() const { return parts_->port; }

StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(
    const std::string& address, const PrometheusMetrics& metrics) {
  auto parts = std::make_unique<Parts>();
  try {
    parts->exposer =
        std::make_unique<prometheus::Exposer>(std::vector<std::string>{
            "listening_ports", address, "num_threads", "2",
            "enable_directory_listing", "no", "request_timeout_ms", "5000"});
    parts->exposer->RegisterCollectable(metrics.parts_->registry);
    std::vector<int> ports = parts->exposer->GetListeningPorts();
    if (!ports.empty()) parts->port = ports.front();
  } catch (const std::exception& e) {
    return Error(Reason::kAddressInUse,
                 "metrics: cannot listen on " + address + " (" + e.what() +
                     "); want a free address of this machine");
  }
  return std::unique_ptr<MetricsEndpoint>(
      new MetricsEndpoint(std::move(parts)));
}

}  // namespace strongroom::observe
