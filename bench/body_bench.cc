// The crypto stage of the bulk envelope: sealing and opening chunks in memory,
// by size of chunk and number of threads, nothing read or written.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "strongroom/envelope/body_cipher.h"

namespace strongroom::envelope {
namespace {

using Direction = ChunkCipher::Direction;

// What one thread of the pipeline has at a time (src/client/file_streams.cc).
constexpr size_t kPiece = size_t{1} << 20;

StatusOr<BodyKeys> SomeKeys() {
  return BodyKeys::Derive(SecretBytes(kBulkDekSize), BulkFixed());
}

void Seal(benchmark::State& state) {
  const size_t chunk = size_t{1} << state.range(0);
  const size_t piece = std::max(chunk, kPiece);
  const Bytes plain(piece, 1);
  Bytes out(chunk + kChunkTagSize);
  const auto keys = SomeKeys();
  auto cipher = ChunkCipher::Create(*keys, Direction::kSeal);
  uint64_t index = 0;
  for (auto _ : state) {
    for (size_t at = 0; at < piece; at += chunk) {
      const Status sealed = cipher->Seal(
          index++, false, ByteView(plain).subspan(at, chunk), out.data());
      if (!sealed.ok()) return state.SkipWithError("does not seal");
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) *
                          static_cast<int64_t>(piece));
}

void Open(benchmark::State& state) {
  const size_t chunk = size_t{1} << state.range(0);
  const size_t piece = std::max(chunk, kPiece);
  const size_t full = chunk + kChunkTagSize;
  const auto keys = SomeKeys();
  auto sealer = ChunkCipher::Create(*keys, Direction::kSeal);
  auto opener = ChunkCipher::Create(*keys, Direction::kOpen);
  Bytes sealed(piece / chunk * full), out(chunk);
  for (size_t i = 0; i < piece / chunk; ++i) {
    const Bytes plain(chunk, 1);
    if (!sealer->Seal(i, false, plain, sealed.data() + i * full).ok()) {
      return state.SkipWithError("does not seal");
    }
  }
  for (auto _ : state) {
    for (size_t i = 0; i < piece / chunk; ++i) {
      const Status opened = opener->Open(
          i, false, ByteView(sealed).subspan(i * full, full), out.data());
      if (!opened.ok()) return state.SkipWithError("does not open");
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) *
                          static_cast<int64_t>(piece));
}

void Cases(benchmark::internal::Benchmark* bench) {
  bench->UseRealTime()->ArgName("chunk_log2");
  for (const int log2 : {12, 14, 16, 20, 24}) bench->Arg(log2);
  bench->Threads(1)->ThreadPerCpu();
}

BENCHMARK(Seal)->Apply(Cases);
BENCHMARK(Open)->Apply(Cases);

}  // namespace
}  // namespace strongroom::envelope

BENCHMARK_MAIN();
