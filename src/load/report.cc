#include "load/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "load/chart.h"

namespace strongroom::load {
namespace {

constexpr char kHead[] = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>strongroom-bench</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; color: #1c2430; background: #fff; }
svg { width: 100%; height: auto; margin: 1rem 0; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
svg .title { font-size: 15px; font-weight: 600; }
.grid line { stroke: currentColor; stroke-opacity: .13; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap;
         border-bottom: 1px solid #8884; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
.bad { color: #c0392b; font-weight: 600; }
dt { font-weight: 600; float: left; clear: left; width: 9rem; }
dd { margin-left: 9.5rem; }
@media (prefers-color-scheme: dark) {
  body { color: #dfe5ec; background: #14181d; } .bad { color: #ff8a7a; } }
</style></head><body>
)";

double Number(const Json& object, const char* field) {
  if (!object.is_object() || !object.contains(field)) return 0;
  return object[field].is_number() ? object[field].get<double>() : 0;
}

Json Part(const Json& object, const char* field) {
  return object.is_object() ? object.value(field, Json()) : Json();
}

std::string Rounded(double value) {
  char text[40];
  std::snprintf(text, sizeof text,
                value < 100 && value != std::floor(value) ? "%.1f" : "%.0f",
                value);
  return text;
}

std::string TextOf(const Json& value) {
  if (value.is_number_float()) return Rounded(value.get<double>());
  return EscapeHtml(value.is_string() ? value.get<std::string>()
                                      : value.dump());
}

// The points of the charts. The latency of a closed loop is another thing than
// that of an open one, so the two are not joined by a line: the capacity that a
// search for the knee begins with stands in the table alone.
std::vector<Json> ByThroughput(const Json& result) {
  std::vector<Json> points(result["points"].begin(), result["points"].end());
  const auto is_open = [](const Json& point) {
    return Part(point, "loop") == "open";
  };
  if (std::any_of(points.begin(), points.end(), is_open)) {
    std::erase_if(points, [&](const Json& point) { return !is_open(point); });
  }
  std::stable_sort(
      points.begin(), points.end(), [](const Json& a, const Json& b) {
        return Number(a, "requests_per_s") < Number(b, "requests_per_s");
      });
  return points;
}

Series LatencySeries(const std::vector<Json>& points, const char* quantile,
                     const char* colour) {
  Series series{quantile, colour, {}};
  for (const Json& point : points) {
    series.points.emplace_back(Number(point, "requests_per_s"),
                               Number(Part(point, "latency_us"), quantile));
  }
  return series;
}

std::string LatencyChart(const std::vector<Json>& points, const Json& knee) {
  return ChartSvg({.title = "Latency against throughput",
                   .x_label = "requests per second, answered",
                   .y_label = "microseconds",
                   .log_y = true,
                   .series = {LatencySeries(points, "p50", "#2a7de1"),
                              LatencySeries(points, "p99", "#e07a1f"),
                              LatencySeries(points, "p99.9", "#c0392b")},
                   .mark_x = Number(knee, "rate_per_s"),
                   .mark = "knee"});
}

std::string CostChart(const std::vector<Json>& points) {
  Series series{"items per token operation", "#1f9d6b", {}};
  for (const Json& point : points) {
    if (!point.contains("cost")) continue;
    series.points.emplace_back(
        Number(point, "requests_per_s"),
        Number(point["cost"], "items_per_token_operation"));
  }
  return ChartSvg({.title = "Batch size against throughput",
                   .x_label = "requests per second, answered",
                   .y_label = "items",
                   .series = {series}});
}

std::string Facts(const Json& result) {
  std::string html = "<dl>\n";
  for (const char* part : {"workload", "machine", "knee"}) {
    const Json fields = Part(result, part);
    if (!fields.is_object()) continue;
    std::string text;
    for (const auto& [name, value] : fields.items()) {
      if (!text.empty()) text += ", ";
      text += EscapeHtml(name) + " " + TextOf(value);
    }
    html += "<dt>" + std::string(part) + "</dt><dd>" + text + "</dd>\n";
  }
  return html + "</dl>\n";
}

std::string Row(const Json& point) {
  const double failed = Number(point, "failed");
  std::string html = "<tr><td>" + TextOf(Part(point, "label")) + "</td>";
  auto cell = [&html](const std::string& text, const char* tag = "<td>") {
    html += tag + text + "</td>";
  };
  cell(Rounded(Number(point, "requests_per_s")));
  cell(Rounded(Number(point, "items_per_s")));
  cell(Rounded(failed), failed > 0 ? "<td class=\"bad\">" : "<td>");
  for (const char* quantile : {"mean", "p50", "p90", "p99", "p99.9", "max"}) {
    cell(Rounded(Number(Part(point, "latency_us"), quantile)));
  }
  const Json cost = Part(point, "cost");
  cell(cost.is_object() ? Rounded(Number(cost, "items_per_token_operation"))
                        : "");
  return html + "</tr>\n";
}

std::string Table(const Json& result) {
  std::string html =
      "<div class=\"wide\"><table>\n<tr><th>load</th><th>requests/s</th>"
      "<th>items/s</th><th>failed</th><th>mean us</th><th>p50</th>"
      "<th>p90</th><th>p99</th><th>p99.9</th><th>max</th>"
      "<th>items/op</th></tr>\n";
  for (const Json& point : result["points"]) html += Row(point);
  return html + "</table></div>\n";
}

}  // namespace

std::string ReportHtml(const Json& result) {
  const std::vector<Json> points = ByThroughput(result);
  const Json workload = Part(result, "workload");
  return kHead + ("<h1>strongroom-bench: " + TextOf(Part(workload, "name"))) +
         "</h1>\n" + Facts(result) +
         LatencyChart(points, Part(result, "knee")) + CostChart(points) +
         Table(result) +
         "<p>Latency of an open loop counts from when a request was due, not "
         "from when it was sent.</p>\n</body></html>\n";
}

}  // namespace strongroom::load
