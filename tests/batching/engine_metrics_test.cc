#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "tests/batching/engine_rig.h"

namespace strongroom::batching {
namespace {

// Recorder keeps the last value of a gauge, the sum of everything else.
class Recorder final : public Metrics {
 public:
  Counter& GetCounter(std::string_view name, std::string_view,
                      MetricLabels labels) override {
    return Get(name, labels);
  }
  Gauge& GetGauge(std::string_view name, std::string_view,
                  MetricLabels labels) override {
    return Get(name, labels);
  }
  Histogram& GetHistogram(std::string_view name, std::string_view, Buckets,
                          MetricLabels labels) override {
    return Get(name, labels);
  }
  double Value(const std::string& name) { return instruments_.at(name).value; }
  int Times(const std::string& name) { return instruments_.at(name).times; }

 private:
  struct Instrument final : Counter, Gauge, Histogram {
    void Add(double amount) override { Record(value + amount); }
    void Set(double v) override { Record(v); }
    void Observe(double v) override { Record(value + v); }
    void Record(double v) {
      value = v;
      ++times;
    }
    double value = 0;
    int times = 0;
  };
  Instrument& Get(std::string_view name, MetricLabels labels) {
    std::string id(name);
    for (const auto& [label, value] : labels) {
      id.append(" ").append(value);
      EXPECT_FALSE(label.empty());
    }
    return instruments_[id];
  }
  std::map<std::string, Instrument> instruments_;
};

TEST(EngineMetricsTest, BatchesItemsDepthAndWindowsAreCounted) {
  EngineRig rig(EngineRig::Manual(1, 1));
  Recorder metrics;
  rig.engine = std::make_unique<Engine>(rig.device, rig.keks, rig.clock,
                                        metrics, EngineOptions{});
  const Uuid key = rig.keks.AddKey();
  auto sealed = rig.Seal(key, 3);
  rig.Seal(key, 5);
  EXPECT_EQ(metrics.Value("strongroom_queue_depth"), 5);
  rig.clock.Advance(std::chrono::seconds(2));
  rig.device.RunAll();
  EXPECT_EQ(metrics.Value("strongroom_queue_depth"), 0);
  EXPECT_EQ(metrics.Times("strongroom_batch_items seal"), 2);
  EXPECT_EQ(metrics.Value("strongroom_batch_items seal"), 8);
  EXPECT_EQ(metrics.Value("strongroom_queue_seconds"), 2);
  EXPECT_EQ(metrics.Value("strongroom_items_total seal ok"), 8);
  EXPECT_EQ(metrics.Value("strongroom_turns_total foreground"), 2);

  auto token = EngineRig::TokenOf(sealed->items()[0]);
  auto forged = token;
  forged.leaf.sealed[0] ^= 1;
  rig.Open({token, forged});
  rig.device.RunAll();
  EXPECT_EQ(metrics.Value("strongroom_items_total open ok"), 1);
  EXPECT_EQ(metrics.Value("strongroom_items_total open error"), 1);
  EXPECT_EQ(metrics.Times("strongroom_items_total rewrap ok"), 0);

  rig.keks.Rotate(key);
  auto rewrap = std::make_unique<RewrapRequest>();
  rewrap->caller = "job";
  rewrap->work_class = WorkClass::kBackground;
  rewrap->deadline = rig.clock.Steady() + std::chrono::seconds(5);
  rewrap->items.emplace_back().header = token.header;
  rig.engine->Rewrap(std::move(rewrap));
  rig.device.RunAll();
  EXPECT_EQ(metrics.Value("strongroom_turns_total background"), 2);
  EXPECT_EQ(metrics.Value("strongroom_turns_total foreground"), 3);

  rig.SealNow(rig.keks.AddKey({.max_age = std::chrono::seconds(60)}));
  rig.engine->RunDue();
  EXPECT_EQ(metrics.Value("strongroom_open_windows"), 1);
  rig.engine.reset();  // before the metrics go
}

TEST(EngineMetricsTest, TheDepthFallsWhenWhatWaitsExpires) {
  EngineRig rig(EngineRig::Manual(1, 1));
  Recorder metrics;
  rig.engine = std::make_unique<Engine>(rig.device, rig.keks, rig.clock,
                                        metrics, EngineOptions{});
  const Uuid key = rig.keks.AddKey();
  rig.Seal(key, 1);  // on the token, which hangs
  rig.Seal(key, 5);
  EXPECT_EQ(metrics.Value("strongroom_queue_depth"), 5);
  rig.clock.Advance(std::chrono::seconds(6));
  rig.engine->RunDue();
  EXPECT_EQ(metrics.Value("strongroom_queue_depth"), 0);
  rig.device.RunAll();
  rig.engine.reset();
}

}  // namespace
}  // namespace strongroom::batching
