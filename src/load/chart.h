// Chart: lines over two axes as SVG text, for the report.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace strongroom::load {

struct Series {
  std::string name;
  std::string colour;  // of CSS
  std::vector<std::pair<double, double>> points =
      {};  // in the order to join them
};

struct Chart {
  std::string title;
  std::string x_label = {};
  std::string y_label = {};
  bool log_y = false;  // points at or below 0 are left out
  std::vector<Series> series = {};
  // A line across at this x, if it is above 0 and within the points.
  double mark_x = 0;
  std::string mark = {};  // what stands beside it
};

// EscapeHtml makes text safe between tags and in quoted attributes.
std::string EscapeHtml(const std::string& text);

// ChartSvg is one <svg> element; "" if there is no point to draw.
std::string ChartSvg(const Chart& chart);

}  // namespace strongroom::load
