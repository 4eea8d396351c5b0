// What registering single DEKs costs the store as it grows: each in a batch of
// its own, so that every id is random. In the directory of TMPDIR: its disk is
// what is measured.
//
//   registered_store SMALL LARGE GROUP [MEASURED]
//
// Fills one store to SMALL DEKs and measures the next MEASURED (20,000), and
// so at LARGE, with GROUP of them to a transaction. Prints one JSON object with
// both rates and their ratio, the larger store's to the smaller's.
#include <stdlib.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "strongroom/store/sqlite.h"

namespace strongroom::store {
namespace {

// As large as the engine's.
constexpr size_t kHeaderSize = 110;
constexpr size_t kLeafSize = 60;
constexpr size_t kDigestSize = 32;

Status Register(Store& store, const Uuid& key_id, size_t group) {
  std::vector<BatchRow> batches(group);
  std::vector<DekRow> deks(group);
  for (size_t i = 0; i < group; ++i) {
    batches[i] = {.batch_id = Uuid::Random(),
                  .key_id = key_id,
                  .version = 1,
                  .header = Bytes(kHeaderSize, static_cast<uint8_t>(i)),
                  .deks = 1,
                  .leaves = Bytes(kDigestSize, static_cast<uint8_t>(i))};
    deks[i].id = {batches[i].batch_id, 0};
    deks[i].leaf = Bytes(kLeafSize, static_cast<uint8_t>(i));
  }
  const CensusDelta counted{key_id, 1, static_cast<int64_t>(group),
                            static_cast<int64_t>(group)};
  return store.Update([&](Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.VersionsOf(key_id).status());
    SR_RETURN_IF_ERROR(t.deks().InsertBatches(batches));
    SR_RETURN_IF_ERROR(t.deks().InsertDeks(deks));
    return t.dependents().AddCensus({&counted, 1});
  });
}

struct Sizes {
  size_t small = 0;
  size_t large = 0;
  size_t group = 0;
  size_t measured = 20'000;
};

// RegisterMany gives how many were registered in a second.
StatusOr<double> RegisterMany(Store& store, const Uuid& key_id, size_t deks,
                              size_t group) {
  const auto began = std::chrono::steady_clock::now();
  for (size_t done = 0; done < deks; done += group) {
    SR_RETURN_IF_ERROR(Register(store, key_id, group));
  }
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - began;
  return static_cast<double>(deks) / took.count();
}

Status Run(const std::string& path, const Sizes& sizes) {
  SR_ASSIGN_OR_RETURN(auto store, OpenSqliteStore({.path = path}));
  KeyRow key;
  key.id = Uuid::Random();
  key.name = "bench/key";
  SR_RETURN_IF_ERROR(store->Update(
      [&](Transaction& t) -> Status { return t.InsertKey(key); }));
  double rates[2] = {};
  size_t there = 0;
  for (size_t i = 0; i < 2; ++i) {
    const size_t size = i == 0 ? sizes.small : sizes.large;
    SR_RETURN_IF_ERROR(
        RegisterMany(*store, key.id, size - there, sizes.group).status());
    SR_ASSIGN_OR_RETURN(
        rates[i], RegisterMany(*store, key.id, sizes.measured, sizes.group));
    there = size + sizes.measured;
  }
  std::printf(
      "{\"at\": [%zu, %zu], \"group\": %zu, \"deks_per_second\": "
      "[%.0f, %.0f], \"ratio\": %.2f}\n",
      sizes.small, sizes.large, sizes.group, rates[0], rates[1],
      rates[1] / rates[0]);
  return OkStatus();
}

}  // namespace
}  // namespace strongroom::store

int main(int argc, char** argv) {
  strongroom::store::Sizes sizes;
  if (argc >= 4) {
    sizes.small = std::strtoul(argv[1], nullptr, 10);
    sizes.large = std::strtoul(argv[2], nullptr, 10);
    sizes.group = std::strtoul(argv[3], nullptr, 10);
  }
  if (argc == 5) sizes.measured = std::strtoul(argv[4], nullptr, 10);
  if (argc < 4 || argc > 5 || sizes.group == 0 || sizes.measured == 0 ||
      sizes.large < sizes.small + sizes.measured) {
    std::fprintf(stderr,
                 "usage: registered_store SMALL LARGE GROUP [MEASURED]\n");
    return 2;
  }
  const char* base = std::getenv("TMPDIR");
  std::string directory = std::string(base == nullptr ? "/tmp" : base) +
                          "/strongroom-registered-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) return 1;
  const strongroom::Status status =
      strongroom::store::Run(directory + "/store.db", sizes);
  std::filesystem::remove_all(directory);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n",
               std::string(strongroom::MessageOf(status)).c_str());
  return 1;
}
