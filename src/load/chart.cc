#include "load/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace strongroom::load {
namespace {

constexpr double kWidth = 720;
constexpr double kHeight = 380;
constexpr double kLeft = 80;
constexpr double kRight = 20;
constexpr double kTop = 58;
constexpr double kBottom = 52;

std::string Format(const char* format, double a, double b = 0, double c = 0,
                   double d = 0) {
  char text[200];
  std::snprintf(text, sizeof text, format, a, b, c, d);
  return text;
}

// 1500 -> "1.5k"
std::string Short(double value) {
  if (value >= 1e6) return Format("%.3gM", value / 1e6);
  if (value >= 1e3) return Format("%.3gk", value / 1e3);
  return Format("%.3g", value);
}

// NiceStep is 1, 2 or 5 times a power of ten, near range / 6.
double NiceStep(double range) {
  const double rough = range / 6;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

// Axis maps values to pixels.
struct Axis {
  double low = 0;
  double high = 1;
  double from = 0;
  double to = 1;
  bool log = false;

  double At(double value) const {
    const double share = log ? std::log(value / low) / std::log(high / low)
                             : (value - low) / (high - low);
    return from + share * (to - from);
  }
  std::vector<double> Ticks() const {
    std::vector<double> ticks;
    if (log) {
      for (double power = low; power <= high * 1.001; power *= 10) {
        for (double factor : {1.0, 2.0, 5.0}) {
          if (factor * power <= high * 1.001) ticks.push_back(factor * power);
        }
      }
    } else {
      const double step = NiceStep(high - low);
      for (int i = 0; low + i * step <= high * 1.001; ++i) {
        ticks.push_back(low + i * step);
      }
    }
    return ticks;
  }
};

bool Drawn(const Chart& chart, const std::pair<double, double>& point) {
  return std::isfinite(point.first) && std::isfinite(point.second) &&
         (!chart.log_y || point.second > 0);
}

bool FitAxes(const Chart& chart, Axis* x, Axis* y) {
  double max_x = 0;
  double max_y = 0;
  double min_y = INFINITY;
  for (const Series& series : chart.series) {
    for (const auto& point : series.points) {
      if (!Drawn(chart, point)) continue;
      max_x = std::max(max_x, point.first);
      max_y = std::max(max_y, point.second);
      min_y = std::min(min_y, point.second);
    }
  }
  if (max_x <= 0 || max_y <= 0) return false;
  *x = {0, max_x * 1.04, kLeft, kWidth - kRight, false};
  *y = {0, max_y * 1.08, kHeight - kBottom, kTop, chart.log_y};
  if (chart.log_y) {
    y->low = std::pow(10, std::floor(std::log10(min_y)));
    y->high = std::max(max_y * 1.2, y->low * 10);
  }
  return true;
}

std::string Text(double x, double y, const char* anchor,
                 const std::string& text, const char* more = "") {
  return Format("<text x=\"%.1f\" y=\"%.1f\"", x, y) + " text-anchor=\"" +
         anchor + "\" " + more + ">" + EscapeHtml(text) + "</text>\n";
}

std::string Grid(const Axis& x, const Axis& y) {
  std::string svg = "<g class=\"grid\">\n";
  for (double tick : y.Ticks()) {
    svg += Format("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                  kLeft, kWidth - kRight, y.At(tick), y.At(tick));
    svg += Text(kLeft - 8, y.At(tick) + 4, "end", Short(tick));
  }
  for (double tick : x.Ticks()) {
    svg += Format("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                  x.At(tick), x.At(tick), kTop, kHeight - kBottom);
    svg += Text(x.At(tick), kHeight - kBottom + 18, "middle", Short(tick));
  }
  return svg + "</g>\n";
}

std::string Line(const Chart& chart, const Series& series, const Axis& x,
                 const Axis& y) {
  std::string line;
  std::string dots;
  for (const auto& point : series.points) {
    if (!Drawn(chart, point)) continue;
    line += Format("%.1f,%.1f ", x.At(point.first), y.At(point.second));
    dots += Format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"",
                   x.At(point.first), y.At(point.second)) +
            " fill=\"" + EscapeHtml(series.colour) + "\"><title>" +
            EscapeHtml(series.name) + ": " + Short(point.second) + " at " +
            Short(point.first) + "</title></circle>\n";
  }
  return "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"" +
         EscapeHtml(series.colour) + "\" points=\"" + line + "\"/>\n" + dots;
}

std::string Mark(const Chart& chart, const Axis& x) {
  if (chart.mark_x <= 0 || chart.mark_x > x.high) return "";
  const double at = x.At(chart.mark_x);
  const bool left = at > (kLeft + kWidth - kRight) / 2;
  return Format("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"", at, at,
                kTop, kHeight - kBottom) +
         " stroke=\"currentColor\" stroke-dasharray=\"5 4\"/>\n" +
         Text(left ? at - 6 : at + 6, kHeight - kBottom - 8,
              left ? "end" : "start", chart.mark);
}

std::string Legend(const Chart& chart) {
  std::string svg;
  double x = kLeft;
  for (const Series& series : chart.series) {
    svg += Format("<rect x=\"%.1f\" y=\"34\" width=\"12\" height=\"12\"", x) +
           " fill=\"" + EscapeHtml(series.colour) + "\"/>\n";
    svg += Text(x + 17, 44, "start", series.name);
    x += 34 + 8 * static_cast<double>(series.name.size());
  }
  return svg;
}

}  // namespace

std::string EscapeHtml(const std::string& text) {
  std::string safe;
  for (char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string ChartSvg(const Chart& chart) {
  Axis x;
  Axis y;
  if (!FitAxes(chart, &x, &y)) return "";
  std::string svg =
      Format("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\"", kWidth, kHeight) +
      " aria-label=\"" + EscapeHtml(chart.title) + "\">\n";
  svg += Text(kLeft, 20, "start", chart.title, "class=\"title\"");
  svg += Legend(chart) + Grid(x, y);
  svg += Text((kLeft + kWidth - kRight) / 2, kHeight - 10, "middle",
              chart.x_label);
  svg += Format("<g transform=\"translate(16 %.1f) rotate(-90)\">",
                (kTop + kHeight - kBottom) / 2) +
         Text(0, 0, "middle", chart.y_label) + "</g>\n";
  for (const Series& series : chart.series) {
    svg += Line(chart, series, x, y);
  }
  svg += Mark(chart, x);
  return svg + "</svg>\n";
}

}  // namespace strongroom::load
