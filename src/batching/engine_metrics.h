// What the engine counts.
#pragma once

#include <array>
#include <string_view>

#include "batching/work.h"
#include "strongroom/base/metrics.h"

namespace strongroom::batching {

struct EngineMetrics {
  explicit EngineMetrics(Metrics& metrics)
      : operations{ForOperation(metrics, "seal"), ForOperation(metrics, "open"),
                   ForOperation(metrics, "rewrap")},
        turns{ForClass(metrics, "foreground"), ForClass(metrics, "background")},
        queue_depth(metrics.GetGauge("strongroom_queue_depth",
                                     "Items that wait for the token")),
        queue_seconds(metrics.GetHistogram(
            "strongroom_queue_seconds",
            "Time from a request's submission until a batch takes items of it",
            Buckets::kSeconds)),
        open_windows(
            metrics.GetGauge("strongroom_open_windows",
                             "Batch keys held open for their max_age")) {}

  struct PerOperation {
    Histogram& batch_items;
    Counter& ok;
    Counter& error;
  };
  PerOperation& of(Operation operation) {
    return operations[static_cast<size_t>(operation)];
  }

  std::array<PerOperation, kOperations> operations;  // indexed by Operation
  std::array<Counter*, kWorkClasses> turns;          // indexed by WorkClass
  Gauge& queue_depth;
  Histogram& queue_seconds;
  Gauge& open_windows;

 private:
  static Counter* ForClass(Metrics& metrics, std::string_view name) {
    return &metrics.GetCounter(
        "strongroom_turns_total",
        "Turns on the token, in token operations, by class of work",
        {{"class", name}});
  }
  static PerOperation ForOperation(Metrics& metrics, std::string_view name) {
    constexpr std::string_view kItems = "strongroom_items_total";
    constexpr std::string_view kItemsHelp = "Items answered by the engine";
    return {metrics.GetHistogram("strongroom_batch_items",
                                 "Items that shared one token operation",
                                 Buckets::kCount, {{"operation", name}}),
            metrics.GetCounter(kItems, kItemsHelp,
                               {{"operation", name}, {"outcome", "ok"}}),
            metrics.GetCounter(kItems, kItemsHelp,
                               {{"operation", name}, {"outcome", "error"}})};
  }
};

}  // namespace strongroom::batching
