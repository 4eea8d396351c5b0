// What sealing and opening one leaf costs, with the batch key set once.
#include <benchmark/benchmark.h>

#include "strongroom/base/random.h"
#include "strongroom/batching/leaf_cipher.h"
#include "tests/testing/one_leaf.h"

namespace strongroom::batching {
namespace {

SecretBytes RandomKey() {
  SecretBytes key(envelope::kBatchKeySize);
  FillRandom(key.ExposeMutable());
  return key;
}

void BM_LeafSeal(benchmark::State& state) {
  const SecretBytes key = RandomKey();
  const Bytes secret(state.range(0), 1);
  auto new_sealer = [&] {
    return *LeafSealer::Create(key, Uuid::Random(), Uuid::Random(),
                               envelope::Purpose::kData, {}, 0);
  };
  LeafSealer sealer = new_sealer();
  Bytes out;
  for (auto _ : state) {
    if (sealer.next_index() > envelope::kMaxIndex) sealer = new_sealer();
    out.clear();
    if (!sealer.Seal({}, secret, &out).ok()) state.SkipWithError("refused");
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void BM_LeafOpen(benchmark::State& state) {
  const SecretBytes key = RandomKey();
  const Uuid key_id = Uuid::Random();
  const Uuid batch_id = Uuid::Random();
  Bytes bytes;
  (void)testing::SealOneLeaf(key, key_id, batch_id, envelope::Purpose::kData,
                             {}, 0, {}, Bytes(state.range(0), 1), &bytes);
  const envelope::Leaf leaf = *envelope::ParseLeaf(bytes);
  LeafOpener opener =
      *LeafOpener::Create(key, key_id, batch_id, envelope::Purpose::kData);
  for (auto _ : state) {
    if (!opener.Open(leaf, {}).ok()) state.SkipWithError("does not open");
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

BENCHMARK(BM_LeafSeal)->Arg(32)->Arg(1024)->Arg(65536);
BENCHMARK(BM_LeafOpen)->Arg(32)->Arg(1024)->Arg(65536);

}  // namespace
}  // namespace strongroom::batching

BENCHMARK_MAIN();
