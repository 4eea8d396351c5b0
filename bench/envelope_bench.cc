// What parsing a token string and canonicalising an encryption context cost.
#include <benchmark/benchmark.h>

#include "strongroom/envelope/context.h"
#include "strongroom/envelope/token.h"

namespace strongroom::envelope {
namespace {

Bytes SomeToken() {
  Bytes token = SerializeHeader({.key_id = Uuid::Random(),
                                 .key_version = 1,
                                 .batch_id = Uuid::Random(),
                                 .sealed = Bytes(kSealedSizeIv12, 7)});
  Bytes leaf(kLeafOverhead + 32, 1);
  leaf[0] = static_cast<uint8_t>(Purpose::kWrappedDek);
  leaf[9] = leaf[10] = 0;  // an index within its range
  Append(&token, leaf);
  return token;
}

void BM_ParseToken(benchmark::State& state) {
  const Bytes token = SomeToken();
  if (!ParseToken(token).ok()) state.SkipWithError("does not parse");
  for (auto _ : state) {
    auto parsed = ParseToken(token);
    benchmark::DoNotOptimize(parsed);
  }
}

void BM_CanonicalContext(benchmark::State& state) {
  std::vector<std::string> keys;
  for (int64_t i = state.range(0); i > 0; --i) {
    keys.push_back("key" + std::to_string(i));
  }
  ContextPairs context;
  for (const std::string& key : keys) {
    context.emplace_back(key, "a value of some length");
  }
  for (auto _ : state) {
    auto bytes = CanonicalContext(context);
    if (!bytes.ok()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(bytes);
  }
}

BENCHMARK(BM_ParseToken);
BENCHMARK(BM_CanonicalContext)->Arg(0)->Arg(2)->Arg(32);

}  // namespace
}  // namespace strongroom::envelope

BENCHMARK_MAIN();
