// How much the engine costs: sealing through it, against the bare loop that
// does the same token call and the same leaves, for N secrets at a time.
//
// The device is in this process and answers at once, with no cryptography: so
// what is measured is the engine and the leaves, and nothing hides the engine.
// Real devices only make the ratio better.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "bench/bench_device.h"
#include "strongroom/base/metrics.h"
#include "strongroom/base/random.h"
#include "strongroom/batching/engine.h"
#include "strongroom/batching/leaf_cipher.h"

namespace strongroom::batching {
namespace {

using bench::InstantDevice;
using bench::OneKek;

std::vector<SealItem> NewItems(int64_t n) {
  std::vector<SealItem> items(n);
  for (SealItem& item : items) item.secret = SecretBytes(32);
  return items;
}

// What one batch takes in the shortest program: a key, an id, a salt, the token
// call, the leaves, each secret wiped, the header.
void SealBare(hsm::Device& device, const KekRef& kek,
              std::vector<SealItem>* items) {
  SecretBytes batch_key(envelope::kBatchKeySize);
  FillRandom(batch_key.ExposeMutable());
  std::array<uint8_t, Uuid::kSize> id;
  FillRandom(id);
  LeafSalt salt;
  FillRandom(salt);
  const Uuid batch_id(id);
  envelope::Header header{kek.key_id, kek.version, batch_id, {}};
  device.Seal(
      kek.kek,
      envelope::HeaderAad(kek.key_id, 1, batch_id, envelope::kSealedSizeIv12),
      batch_key.Expose(), SteadyTime::max(), [&](hsm::SealAnswer answer) {
        header.sealed = *std::move(answer.sealed);
      });
  StatusOr<LeafSealer> sealer = LeafSealer::Create(
      batch_key, kek.key_id, batch_id, envelope::Purpose::kWrappedDek, salt, 0);
  for (SealItem& item : *items) {
    item.status = sealer->Seal(item.context, item.secret.Expose(), &item.leaf);
    item.secret.Wipe();
  }
  const auto bytes =
      std::make_shared<const Bytes>(envelope::SerializeHeader(header));
  for (SealItem& item : *items) {
    item.header = bytes;
    item.key_version = kek.version;
  }
}

void BM_SealBareLoop(benchmark::State& state) {
  InstantDevice device;
  OneKek source;
  const KekRef kek = *source.Primary(Uuid::Random());
  for (auto _ : state) {
    std::vector<SealItem> items = NewItems(state.range(0));
    SealBare(device, kek, &items);
    benchmark::DoNotOptimize(items);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// ThroughEngine does the same by way of the engine.
class ThroughEngine {
 public:
  void Seal(int64_t n) {
    auto request = std::make_unique<SealRequest>();
    request->caller = "bench";
    request->deadline = Clock::System().Steady() + std::chrono::seconds(5);
    request->key_id = key_id_;
    request->items = NewItems(n);
    request->done = [this](std::unique_ptr<SealRequest> back) {
      for (const SealItem& item : back->items) failed_ += !item.status.ok();
    };
    engine_.Seal(std::move(request));
  }
  int64_t failed() const { return failed_; }

 private:
  InstantDevice device_;
  OneKek source_;
  const Uuid key_id_ = Uuid::Random();
  int64_t failed_ = 0;
  Engine engine_{device_, source_, Clock::System(), NullMetrics(), {}};
};

void BM_SealEngine(benchmark::State& state) {
  ThroughEngine engine;
  for (auto _ : state) engine.Seal(state.range(0));
  if (engine.failed() > 0) state.SkipWithError("items failed");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// Both, one batch each in turn: whatever else the machine does meets both
// alike. The counter is the median of the bare loop's times over that of the
// engine's.
void BM_BareLoopAgainstEngine(benchmark::State& state) {
  InstantDevice device;
  OneKek source;
  const KekRef kek = *source.Primary(Uuid::Random());
  ThroughEngine engine;
  std::vector<SteadyTime::duration> bare, through;
  for (auto _ : state) {
    const SteadyTime start = Clock::System().Steady();
    {
      std::vector<SealItem> items = NewItems(state.range(0));
      SealBare(device, kek, &items);
      benchmark::DoNotOptimize(items);
    }
    const SteadyTime middle = Clock::System().Steady();
    engine.Seal(state.range(0));
    bare.push_back(middle - start);
    through.push_back(Clock::System().Steady() - middle);
  }
  if (engine.failed() > 0) state.SkipWithError("items failed");
  const auto median = [](std::vector<SteadyTime::duration>& times) {
    const auto middle = times.begin() + times.size() / 2;
    std::nth_element(times.begin(), middle, times.end());
    return static_cast<double>(middle->count());
  };
  state.counters["ratio"] = median(bare) / median(through);
}

BENCHMARK(BM_SealBareLoop)->Arg(1)->Arg(8)->Arg(128)->Arg(1024);
BENCHMARK(BM_SealEngine)->Arg(1)->Arg(8)->Arg(128)->Arg(1024);
BENCHMARK(BM_BareLoopAgainstEngine)->Arg(128);

}  // namespace
}  // namespace strongroom::batching

BENCHMARK_MAIN();
