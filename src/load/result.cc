#include "load/result.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "strongroom/base/files.h"

namespace strongroom::load {
namespace {

constexpr size_t kMaxResultBytes = 64u << 20;

double Micros(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

std::string FirstLineAfter(const char* path, const std::string& label) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with(label)) continue;
    const size_t start = line.find_first_not_of(" \t:=\"", label.size());
    if (start == std::string::npos) return "";
    const size_t end = line.find_last_not_of('"');
    return line.substr(start, end - start + 1);
  }
  return "";
}

Json LatencyJson(const Histogram& histogram) {
  return {{"mean", Micros(histogram.Mean())},
          {"p50", Micros(histogram.ValueAt(0.5))},
          {"p90", Micros(histogram.ValueAt(0.9))},
          {"p99", Micros(histogram.ValueAt(0.99))},
          {"p99.9", Micros(histogram.ValueAt(0.999))},
          {"max", Micros(histogram.max())}};
}

Json CostJson(const Measurement& m) {
  return {{"token_operations_per_s", m.token_operations / m.seconds},
          {"items_per_token_operation",
           static_cast<double>(m.items_with_cost) / m.token_operations},
          {"batch_p50", m.batch.ValueAt(0.5).count()},
          {"batch_p99", m.batch.ValueAt(0.99).count()},
          {"batch_max", m.batch.max().count()}};
}

std::string LabelOf(const Load& load) {
  char text[64];
  if (load.rate > 0) {
    std::snprintf(text, sizeof text, "open %.6g/s", load.rate);
  } else {
    std::snprintf(text, sizeof text, "closed %u", load.in_flight);
  }
  return text;
}

}  // namespace

Json MachineJson() {
  utsname system{};
  uname(&system);
  return {{"cpu", FirstLineAfter("/proc/cpuinfo", "model name")},
          {"cores", sysconf(_SC_NPROCESSORS_ONLN)},
          {"memory", FirstLineAfter("/proc/meminfo", "MemTotal")},
          {"system", FirstLineAfter("/etc/os-release", "PRETTY_NAME")},
          {"kernel", std::string(system.release)}};
}

Json PointJson(const Load& load, const Measurement& m) {
  Json point = {
      {"label", LabelOf(load)},
      {"loop", load.rate > 0 ? "open" : "closed"},
      {"offered_per_s", load.rate},
      {"in_flight", load.in_flight},
      {"seconds", m.seconds},
      {"requests_per_s", static_cast<double>(m.good) / m.seconds},
      {"items_per_s", static_cast<double>(m.items) / m.seconds},
      {"failed", m.failed},
      {"latency_us", LatencyJson(m.latency)},
      {"send_lag_us", LatencyJson(m.send_lag)},
  };
  if (load.rate > 0) {
    point["arrivals"] =
        load.arrivals == ArrivalKind::kPoisson ? "poisson" : "constant";
  }
  // A refusal is quick: beside many of them the latency of all says little.
  if (m.failed > 0 && m.good_latency.count() > 0) {
    point["good_latency_us"] = LatencyJson(m.good_latency);
  }
  if (m.token_operations > 0) point["cost"] = CostJson(m);
  if (!m.errors.empty()) point["errors"] = m.errors;
  return point;
}

std::string HeadingText() {
  char text[160];
  std::snprintf(text, sizeof text, "%-16s %11s %12s %7s %9s %9s %9s %9s %8s\n",
                "load", "requests/s", "items/s", "failed", "p50 us", "p99 us",
                "p99.9 us", "max us", "items/op");
  return text;
}

std::string PointText(const Json& point) {
  const Json& latency = point["latency_us"];
  char cost[16] = "-";
  if (point.contains("cost")) {
    std::snprintf(cost, sizeof cost, "%.1f",
                  point["cost"]["items_per_token_operation"].get<double>());
  }
  char text[160];
  std::snprintf(
      text, sizeof text,
      "%-16s %11.0f %12.0f %7llu %9.0f %9.0f %9.0f %9.0f %8s\n",
      point["label"].get<std::string>().c_str(),
      point["requests_per_s"].get<double>(), point["items_per_s"].get<double>(),
      point["failed"].get<unsigned long long>(), latency["p50"].get<double>(),
      latency["p99"].get<double>(), latency["p99.9"].get<double>(),
      latency["max"].get<double>(), cost);
  return text;
}

StatusOr<Json> ReadResult(const std::string& path) {
  SR_ASSIGN_OR_RETURN(std::string text, ReadFile(path, kMaxResultBytes));
  Json result = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!result.is_object() ||
      result.value("strongroom_bench", 0) != kResultVersion ||
      !result.contains("points") || !result["points"].is_array()) {
    return Error(Reason::kArgumentInvalid,
                 path +
                     " is not a result of strongroom-bench; want a file "
                     "that `strongroom-bench run --json` wrote");
  }
  return result;
}

}  // namespace strongroom::load
