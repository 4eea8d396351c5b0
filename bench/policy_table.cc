// The engine's rule for batches that are not full, measured: token operations,
// DEKs for each, mean and p99 of the wait, by device latency, sessions, arrival
// rate and partial_batches. The engine is real, the device is a timer.
//
// usage: policy_table [SECONDS]   each point's time (0.4); prints Markdown
#include <cstdio>
#include <cstdlib>

#include "bench/bench_device.h"
#include "load/arrivals.h"
#include "load/histogram.h"
#include "strongroom/base/metrics.h"
#include "strongroom/base/random.h"

namespace strongroom::bench {
namespace {

struct Point {
  std::chrono::microseconds latency;
  int sessions;
  int partial;
  double rate;
};

struct Result {
  double operations = 0;
  double sealed = 0;
  uint64_t refused = 0;
  load::Histogram waits;
};

// Tally is shared with requests that end after the measurement.
struct Tally {
  Mutex mutex;
  load::Histogram waits SR_GUARDED_BY(mutex);
  uint64_t refused SR_GUARDED_BY(mutex) = 0;
};

std::unique_ptr<batching::SealRequest> NewRequest(const Uuid& key_id,
                                                  SteadyTime due,
                                                  Tally& tally) {
  auto request = std::make_unique<batching::SealRequest>();
  request->caller = "bench";
  request->deadline = due + std::chrono::seconds(20);
  request->key_id = key_id;
  request->items.resize(1);
  request->items[0].secret = SecretBytes(32);
  request->done = [&tally, due](std::unique_ptr<batching::SealRequest> back) {
    const auto wait = Clock::System().Steady() - due;
    MutexLock lock(tally.mutex);
    if (back->items[0].status.ok()) {
      tally.waits.Record(wait);
    } else {
      ++tally.refused;
    }
  };
  return request;
}

Result Measure(const Point& point, double seconds) {
  SlowDevice device(point.sessions, point.partial, point.latency);
  OneKek source;
  Tally tally;
  batching::Engine engine(device, source, Clock::System(), NullMetrics(), {});
  const Uuid key_id = Uuid::Random();
  load::Arrivals arrivals(point.rate, load::ArrivalKind::kPoisson, 1);
  const SteadyTime start = Clock::System().Steady();
  const auto length = std::chrono::duration<double>(seconds);
  prctl(PR_SET_TIMERSLACK, 1);
  for (;;) {
    const SteadyTime due = start + arrivals.Next();
    if (due - start > length) break;
    if (due > Clock::System().Steady()) std::this_thread::sleep_until(due);
    engine.Seal(NewRequest(key_id, due, tally));
  }
  engine.Shutdown(Clock::System().Steady() + std::chrono::seconds(30));
  Result result;
  const auto stats = engine.Stats();
  const std::chrono::duration<double> took = Clock::System().Steady() - start;
  result.operations =
      static_cast<double>(stats.token_operations) / took.count();
  result.sealed = static_cast<double>(stats.items_sealed) / took.count();
  MutexLock lock(tally.mutex);
  result.waits = tally.waits;
  result.refused = tally.refused;
  return result;
}

void Print(const Point& point, const Result& r) {
  auto ms = [](std::chrono::nanoseconds t) {
    return static_cast<double>(t.count()) / 1e6;
  };
  std::printf("| %.1f | %d | %.0f | %d | %.0f | %.0f | %.1f | %.2f | %.2f |\n",
              static_cast<double>(point.latency.count()) / 1000, point.sessions,
              point.rate, point.partial, r.sealed, r.operations,
              r.operations > 0 ? r.sealed / r.operations : 0,
              ms(r.waits.Mean()), ms(r.waits.ValueAt(0.99)));
  std::fflush(stdout);
}

}  // namespace
}  // namespace strongroom::bench

int main(int argc, char** argv) {
  using strongroom::bench::Point;
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.4;
  std::printf(
      "| device ms | sessions | offered/s | partial | DEK/s | token ops/s | "
      "DEK/op | mean ms | p99 ms |\n|---|---|---|---|---|---|---|---|---|\n");
  for (int latency_us : {0, 200, 1000, 5000}) {
    for (int sessions : {1, 8, 32}) {
      for (double rate : {200.0, 5000.0, 40000.0}) {
        for (int partial : {1, 2, 4, 32}) {
          if (partial > sessions && partial != 1) continue;
          const Point point{std::chrono::microseconds(latency_us), sessions,
                            partial, rate};
          strongroom::bench::Print(point,
                                   strongroom::bench::Measure(point, seconds));
        }
      }
    }
  }
  return 0;
}
