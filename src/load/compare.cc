#include "load/compare.h"

#include <cstdio>

namespace strongroom::load {
namespace {

const Json* Find(const Json& result, const Json& label) {
  for (const Json& point : result["points"]) {
    if (point.value("label", Json()) == label) return &point;
  }
  return nullptr;
}

std::string Ratio(double a, double b) {
  if (a <= 0 || b <= 0) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", b / a);
  return text;
}

double Latency(const Json& point, const char* quantile) {
  return point.value("latency_us", Json::object()).value(quantile, 0.0);
}

std::string Line(const Json& label, const Json& a, const Json& b) {
  auto both = [&](const char* field) {
    return Ratio(a.value(field, 0.0), b.value(field, 0.0));
  };
  auto latency = [&](const char* quantile) {
    return Ratio(Latency(a, quantile), Latency(b, quantile));
  };
  char text[160];
  std::snprintf(text, sizeof text, "%-18s %12s %12s %9s %9s %9s\n",
                label.is_string() ? label.get<std::string>().c_str() : "?",
                both("requests_per_s").c_str(), both("items_per_s").c_str(),
                latency("p50").c_str(), latency("p99").c_str(),
                latency("p99.9").c_str());
  return text;
}

// A rate is worth nothing while requests fail.
std::string Failures(const Json& label, const Json& a, const Json& b) {
  const Json in_a = a.value("failed", Json(0));
  const Json in_b = b.value("failed", Json(0));
  if (in_a == 0 && in_b == 0) return "";
  return "note: " + label.dump() + " failed: A " + in_a.dump() + ", B " +
         in_b.dump() + "\n";
}

std::string Difference(const char* field, const Json& a, const Json& b) {
  const Json x = a.value(field, Json());
  const Json y = b.value(field, Json());
  if (x == y) return "";
  return std::string("note: ") + field + " differs: A " + x.dump() + ", B " +
         y.dump() + "\n";
}

}  // namespace

std::string CompareText(const Json& a, const Json& b) {
  std::string text = Difference("machine", a, b) + Difference("workload", a, b);
  char heading[160];
  std::snprintf(heading, sizeof heading, "%-18s %12s %12s %9s %9s %9s\n", "B/A",
                "requests/s", "items/s", "p50", "p99", "p99.9");
  text += heading;
  for (const Json& point : a["points"]) {
    const Json label = point.value("label", Json());
    const Json* other = Find(b, label);
    if (other == nullptr) {
      text += "only in A: " + label.dump() + "\n";
    } else {
      text += Line(label, point, *other) + Failures(label, point, *other);
    }
  }
  for (const Json& point : b["points"]) {
    const Json label = point.value("label", Json());
    if (Find(a, label) == nullptr) text += "only in B: " + label.dump() + "\n";
  }
  return text;
}

}  // namespace strongroom::load
