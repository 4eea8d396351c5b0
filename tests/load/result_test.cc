#include "load/result.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "load/chart.h"
#include "load/compare.h"
#include "load/report.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::load {
namespace {

using std::chrono::microseconds;

Measurement SomeMeasurement(uint64_t good, microseconds latency) {
  Measurement m;
  m.seconds = 2;
  m.good = good;
  m.items = good;
  for (uint64_t i = 0; i < 100; ++i) m.latency.Record(latency);
  return m;
}

Json ResultWith(std::vector<Json> points) {
  return {{"strongroom_bench", kResultVersion},
          {"machine", {{"cpu", "test"}}},
          {"workload", {{"name", "wrap"}}},
          {"points", std::move(points)}};
}

std::string WriteTo(const std::string& directory, const std::string& text) {
  const std::string path = directory + "/result.json";
  std::ofstream(path) << text;
  return path;
}

TEST(ResultTest, APointHasRatesPerSecondAndMicroseconds) {
  Load load;
  load.in_flight = 64;
  const Json point = PointJson(load, SomeMeasurement(500, microseconds(100)));
  EXPECT_EQ(point["label"], "closed 64");
  EXPECT_DOUBLE_EQ(point["requests_per_s"].get<double>(), 250);
  EXPECT_DOUBLE_EQ(point["latency_us"]["p99"].get<double>(), 100);
  EXPECT_FALSE(point.contains("cost"));
  EXPECT_FALSE(point.contains("errors"));
}

TEST(ResultTest, WhatWasWrittenIsReadAgain) {
  testing::TempDir dir;
  const Json result = ResultWith({PointJson({}, SomeMeasurement(1, {}))});
  auto read = ReadResult(WriteTo(dir.path(), result.dump()));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, result);
}

TEST(ResultTest, OtherDocumentsAreRefused) {
  testing::TempDir dir;
  for (const char* text : {"", "{", "[]", "{}", "{\"strongroom_bench\": 1}",
                           "{\"strongroom_bench\": 2, \"points\": []}",
                           "{\"strongroom_bench\": 1, \"points\": {}}"}) {
    auto read = ReadResult(WriteTo(dir.path(), text));
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(ReasonOf(read.status()), Reason::kArgumentInvalid) << text;
  }
  EXPECT_EQ(ReasonOf(ReadResult(dir.path() + "/none").status()),
            Reason::kFileUnreadable);
}

TEST(CompareTest, RatiosAreOfTheSecondToTheFirst) {
  const Json a =
      ResultWith({PointJson({}, SomeMeasurement(1000, microseconds(100)))});
  const Json b =
      ResultWith({PointJson({}, SomeMeasurement(1500, microseconds(50)))});
  const std::string text = CompareText(a, b);
  EXPECT_NE(text.find("1.500"), std::string::npos) << text;
  EXPECT_NE(text.find("0.500"), std::string::npos) << text;
  EXPECT_EQ(text.find("note:"), std::string::npos) << text;
}

TEST(CompareTest, PointsOfOneOnlyAndOtherMachinesAreSaid) {
  Load load;
  load.rate = 100;
  const Json a = ResultWith({PointJson({}, SomeMeasurement(1, {}))});
  Json b = ResultWith({PointJson(load, SomeMeasurement(1, {}))});
  b["machine"]["cpu"] = "another";
  const std::string text = CompareText(a, b);
  EXPECT_NE(text.find("only in A: \"closed 64\""), std::string::npos) << text;
  EXPECT_NE(text.find("only in B: \"open 100/s\""), std::string::npos);
  EXPECT_NE(text.find("note: machine differs"), std::string::npos);
}

TEST(CompareTest, FailuresOfEitherAreSaidBesideTheRatios) {
  Measurement failing = SomeMeasurement(1000, microseconds(100));
  const Json good = ResultWith({PointJson({}, failing)});
  EXPECT_EQ(CompareText(good, good).find("failed"), std::string::npos);
  failing.failed = 17;
  const Json bad = ResultWith({PointJson({}, failing)});
  EXPECT_NE(CompareText(good, bad).find("failed: A 0, B 17"),
            std::string::npos);
  EXPECT_NE(CompareText(bad, good).find("failed: A 17, B 0"),
            std::string::npos);
}

// bench/README.md documents these and no others.
TEST(ResultTest, APointHasTheDocumentedFields) {
  Load load;
  load.rate = 5;
  Measurement m = SomeMeasurement(1, {});
  m.token_operations = 1;
  m.failed = 1;
  m.errors["UNAVAILABLE: gone"] = 1;
  m.good_latency.Record(microseconds(1));
  std::set<std::string> fields, costs, latencies;
  const Json point = PointJson(load, m);
  for (const auto& [name, value] : point.items()) fields.insert(name);
  for (const auto& [name, value] : point["cost"].items()) costs.insert(name);
  for (const auto& [name, value] : point["latency_us"].items()) {
    latencies.insert(name);
  }
  EXPECT_EQ(fields,
            (std::set<std::string>{
                "label", "loop", "arrivals", "offered_per_s", "in_flight",
                "seconds", "requests_per_s", "items_per_s", "failed", "errors",
                "latency_us", "good_latency_us", "send_lag_us", "cost"}));
  EXPECT_EQ(costs, (std::set<std::string>{
                       "token_operations_per_s", "items_per_token_operation",
                       "batch_p50", "batch_p99", "batch_max"}));
  EXPECT_EQ(latencies, (std::set<std::string>{"mean", "p50", "p90", "p99",
                                              "p99.9", "max"}));
}

TEST(CompareTest, APointWithoutNumbersIsADashAndNoCrash) {
  const Json odd = ResultWith({Json::object({{"label", 7}})});
  EXPECT_NE(CompareText(odd, odd).find("-"), std::string::npos);
}

TEST(ReportTest, NoTextOfAResultIsMarkup) {
  Json result = ResultWith({PointJson({}, SomeMeasurement(9, {}))});
  result["workload"]["name"] = "<script>alert(1)</script>";
  result["workload"]["<b>"] = "\"'&";
  result["points"][0]["label"] = "<img src=x>";
  const std::string html = ReportHtml(result);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("<img"), std::string::npos);
  EXPECT_EQ(html.find("<b>"), std::string::npos);
}

TEST(ReportTest, TheReportLoadsNothingFromElsewhere) {
  const std::string html =
      ReportHtml(ResultWith({PointJson({}, SomeMeasurement(9, {}))}));
  for (const char* outside : {"http:", "https:", "src=", "@import", "url("}) {
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  }
}

TEST(ReportTest, AResultWithoutPointsStillMakesAPage) {
  EXPECT_NE(ReportHtml(ResultWith({})).find("</html>"), std::string::npos);
}

TEST(ReportTest, ClosedAndOpenLoopsAreNotJoinedAndTheKneeIsMarked) {
  Load open;
  open.rate = 100;
  Json result =
      ResultWith({PointJson({}, SomeMeasurement(9000, microseconds(70))),
                  PointJson(open, SomeMeasurement(200, microseconds(50)))});
  result["points"][0]["latency_us"]["p50"] = 777000;
  EXPECT_EQ(ReportHtml(result).find(">knee</text>"), std::string::npos);
  result["knee"]["rate_per_s"] = 100.0;
  const std::string html = ReportHtml(result);
  EXPECT_EQ(html.find("p50: 777k"), std::string::npos);
  EXPECT_NE(html.find("777000"), std::string::npos) << "it is in the table";
  EXPECT_NE(html.find(">knee</text>"), std::string::npos);
}

TEST(ChartTest, PointsThatCannotBeDrawnAreLeftOut) {
  const Chart chart{.title = "t",
                    .log_y = true,
                    .series = {{"s", "red", {{1, 0}, {2, NAN}, {3, 10}}}}};
  const std::string svg = ChartSvg(chart);
  EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
  EXPECT_EQ(svg.find("inf"), std::string::npos) << svg;
  EXPECT_EQ(ChartSvg({.title = "t", .series = {{"s", "red", {}}}}), "");
}

}  // namespace
}  // namespace strongroom::load
