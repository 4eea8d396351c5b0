// What the counters of token operations say of a seal that was lost.
#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <string>

#include "tests/fault/fault_fixture.h"

namespace strongroom::testing {
namespace {

// Totals keeps the sum of each counter, by name and label values.
class Totals final : public Metrics {
 public:
  Counter& GetCounter(std::string_view name, std::string_view,
                      MetricLabels labels) override {
    std::string id(name);
    for (const auto& [label, value] : labels) id.append(" ").append(value);
    return counters_[id];
  }
  Gauge& GetGauge(std::string_view name, std::string_view help,
                  MetricLabels labels) override {
    return NullMetrics().GetGauge(name, help, labels);
  }
  Histogram& GetHistogram(std::string_view name, std::string_view help,
                          Buckets buckets, MetricLabels labels) override {
    return NullMetrics().GetHistogram(name, help, buckets, labels);
  }
  double Of(const std::string& id) { return counters_.at(id).value; }

 private:
  struct Total final : Counter {
    void Add(double amount) override { value = value + amount; }
    std::atomic<double> value = 0;
  };
  std::map<std::string, Total> counters_;  // made before the threads are
};

class MetricsFault : public FaultTest {
 protected:
  // The device ends before what it counts with.
  ~MetricsFault() override { device_.reset(); }
  Metrics& metrics() override { return totals_; }
  double Seals(const std::string& outcome) {
    return totals_.Of("strongroom_token_operations_total seal " + outcome);
  }

  Totals totals_;
};

TEST_F(MetricsFault, ALostSealIsCountedAsLostAndTheFurtherOneByItself) {
  Open();
  const double ok = Seals("ok");
  shim_.Direct("fail C_Encrypt CKR_SESSION_CLOSED at=1\n");
  ASSERT_OK(Seal());
  EXPECT_EQ(Seals("lost"), 1);
  EXPECT_EQ(Seals("ok"), ok + 1);
  EXPECT_EQ(Seals("unavailable"), 0);
}

}  // namespace
}  // namespace strongroom::testing
