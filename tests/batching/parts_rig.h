// PartsRig: requests for parts of the engine that are tested without it.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "batching/answers.h"
#include "batching/engine_metrics.h"
#include "batching/outstanding.h"
#include "batching/work.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::batching {

class PartsRig : public ::testing::Test {
 protected:
  using Answered = std::vector<std::unique_ptr<SealRequest>>;

  // A request to seal `items` that goes to answered_ when it is done.
  std::shared_ptr<SealWork> NewWork(size_t items,
                                    WorkClass of = WorkClass::kForeground) {
    auto request = std::make_unique<SealRequest>();
    request->caller = of == WorkClass::kForeground ? "anna" : "job";
    request->work_class = of;
    request->deadline = clock_.Steady() + std::chrono::seconds(5);
    request->items.resize(items);
    request->done = [this](std::unique_ptr<SealRequest> back) {
      if (on_done_) on_done_();
      answered_.push_back(std::move(back));
    };
    auto work = std::make_shared<SealWork>(std::move(request), clock_.Steady());
    work->unfinished.store(items);
    outstanding_->Begin();
    return work;
  }
  static Slice Part(const std::shared_ptr<SealWork>& work, uint32_t begin,
                    uint32_t end) {
    return {work, begin, end, {}};
  }

  testing::FakeClock clock_;
  EngineMetrics metrics_{NullMetrics()};
  std::shared_ptr<Outstanding> outstanding_ =
      std::make_shared<Outstanding>(clock_);
  std::function<void()> on_done_;
  Answered answered_;
};

}  // namespace strongroom::batching
