// What a durable commit of the store costs: one changed version, and a key with
// its first version. In the directory of TMPDIR: its disk is what is measured.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>

#include "strongroom/store/sqlite.h"
#include "strongroom/store/store.h"

namespace strongroom::store {
namespace {

class StoreBench : public benchmark::Fixture {
 public:
  void SetUp(benchmark::State&) override {
    const char* base = std::getenv("TMPDIR");
    directory_ = std::string(base == nullptr ? "/tmp" : base) +
                 "/strongroom-store-XXXXXX";
    if (mkdtemp(directory_.data()) == nullptr) std::abort();
    store_ = *OpenSqliteStore({.path = directory_ + "/store.db"});
    key_.id = Uuid::Random();
    key_.name = "bench/key";
    version_.key_id = key_.id;
    version_.version = 1;
    version_.kek_id = Uuid::Random();
    Insert(key_, version_);
  }
  void TearDown(benchmark::State&) override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

 protected:
  bool Insert(const KeyRow& key, const VersionRow& version) {
    return store_
        ->Update([&](Transaction& t) {
          SR_RETURN_IF_ERROR(t.InsertKey(key));
          return t.InsertVersion(version);
        })
        .ok();
  }

  std::string directory_;
  std::unique_ptr<Store> store_;
  KeyRow key_;
  VersionRow version_;
};

BENCHMARK_F(StoreBench, UpdateVersion)(benchmark::State& state) {
  for (auto _ : state) {
    ++version_.seals_reserved;
    if (!store_
             ->Update([&](Transaction& t) { return t.UpdateVersion(version_); })
             .ok()) {
      state.SkipWithError("refused");
    }
  }
}

BENCHMARK_F(StoreBench, InsertKeyAndVersion)(benchmark::State& state) {
  uint64_t n = 0;
  for (auto _ : state) {
    KeyRow key = key_;
    VersionRow version = version_;
    key.id = version.key_id = Uuid::Random();
    version.kek_id = Uuid::Random();
    key.name = "bench/key" + std::to_string(++n);
    if (!Insert(key, version)) state.SkipWithError("refused");
  }
}

}  // namespace
}  // namespace strongroom::store

BENCHMARK_MAIN();
