#include "observe/prometheus_metrics.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "tests/testing/status_matchers.h"

namespace strongroom::testing {
namespace {

using observe::MetricsEndpoint;
using observe::PrometheusMetrics;
using ::testing::HasSubstr;
using ::testing::Not;

// Get asks the endpoint over HTTP and gives the whole answer.
std::string Get(int port, const std::string& path) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
    EXPECT_EQ(write(fd, request.data(), request.size()),
              static_cast<ssize_t>(request.size()));
    char buffer[4096];
    ssize_t got = 0;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
      answer.append(buffer, static_cast<size_t>(got));
    }
  }
  close(fd);
  return answer;
}

TEST(PrometheusMetricsTest, ACounterCounts) {
  PrometheusMetrics metrics;
  Counter& counter =
      metrics.GetCounter("sr_requests_total", "Requests", {{"rpc", "Wrap"}});
  counter.Add();
  counter.Add(2);
  EXPECT_THAT(metrics.Text(), HasSubstr("sr_requests_total{rpc=\"Wrap\"} 3"));
  EXPECT_THAT(metrics.Text(), HasSubstr("# HELP sr_requests_total Requests"));
}

TEST(PrometheusMetricsTest, TheSameNameAndLabelsGiveTheSameInstrument) {
  PrometheusMetrics metrics;
  Gauge& a = metrics.GetGauge("g", "h", {{"x", "1"}});
  EXPECT_EQ(&a, &metrics.GetGauge("g", "h", {{"x", "1"}}));
  EXPECT_NE(&a, &metrics.GetGauge("g", "h", {{"x", "2"}}));
  EXPECT_EQ(&metrics.GetHistogram("s", "h", Buckets::kSeconds),
            &metrics.GetHistogram("s", "h", Buckets::kSeconds));
}

TEST(PrometheusMetricsTest, AGaugeKeepsTheLastValue) {
  PrometheusMetrics metrics;
  Gauge& gauge = metrics.GetGauge("depth", "Queue depth");
  gauge.Set(9);
  gauge.Set(4);
  EXPECT_THAT(metrics.Text(), HasSubstr("depth 4"));
}

TEST(PrometheusMetricsTest, BucketsOfSecondsReachFromTenMicrosTo30) {
  PrometheusMetrics metrics;
  Histogram& seconds = metrics.GetHistogram("t", "Time", Buckets::kSeconds);
  seconds.Observe(20e-6);
  seconds.Observe(31);
  std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("t_bucket{le=\"1e-05\"} 0"));
  EXPECT_THAT(text, HasSubstr("t_bucket{le=\"30\"} 1"));
  EXPECT_THAT(text, HasSubstr("t_bucket{le=\"+Inf\"} 2"));
}

TEST(PrometheusMetricsTest, BucketsOfCountsReachTo4096) {
  PrometheusMetrics metrics;
  metrics.GetHistogram("n", "Items", Buckets::kCount).Observe(4096);
  EXPECT_THAT(metrics.Text(), HasSubstr("n_bucket{le=\"4096\"} 1"));
  EXPECT_THAT(metrics.Text(), HasSubstr("n_bucket{le=\"2048\"} 0"));
}

TEST(MetricsEndpointTest, ServesMetricsAndNothingElse) {
  PrometheusMetrics metrics;
  metrics.GetCounter("sr_total", "Things").Add(5);
  ASSERT_OK_AND_ASSIGN(auto endpoint,
                       MetricsEndpoint::Start("127.0.0.1:0", metrics));
  ASSERT_GT(endpoint->port(), 0);
  EXPECT_THAT(Get(endpoint->port(), "/metrics"), HasSubstr("sr_total 5"));
  for (const char* path : {"/", "/etc/passwd", "/../../etc/passwd"}) {
    std::string answer = Get(endpoint->port(), path);
    EXPECT_THAT(answer, HasSubstr("404")) << path;
    EXPECT_THAT(answer, Not(HasSubstr("root:"))) << path;
  }
}

TEST(MetricsEndpointTest, ATakenPortIsSaidToBeInUse) {
  PrometheusMetrics metrics;
  ASSERT_OK_AND_ASSIGN(auto first,
                       MetricsEndpoint::Start("127.0.0.1:0", metrics));
  EXPECT_THAT(MetricsEndpoint::Start(
                  "127.0.0.1:" + std::to_string(first->port()), metrics),
              HasReason(Reason::kAddressInUse));
}

}  // namespace
}  // namespace strongroom::testing
