// What 10,000 keys with 5 versions each take in memory and at start, the
// token's own part left out: the store is real, the token is a list in memory.
// In TMPDIR.
//
// Prints one JSON object: {"resident_mib": ..., "ready_s": ...}.
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "bench/bench_device.h"
#include "strongroom/base/metrics.h"
#include "strongroom/keyring/keyring.h"
#include "strongroom/store/sqlite.h"
#include "strongroom/store/store.h"

namespace strongroom::bench {
namespace {

constexpr int kKeys = 10'000;
constexpr uint32_t kVersions = 5;

class ListDevice final : public InstantDevice {
 public:
  void Add(const Uuid& id, std::string label) {
    objects_.push_back({.id = ToBytes(id.bytes()),
                        .label = std::move(label),
                        .object_class = "secret-key",
                        .key_type = "AES-256",
                        .sensitive = true,
                        .extractable = false,
                        .never_extractable = true,
                        .modifiable = false,
                        .local = true});
  }
  StatusOr<std::vector<hsm::TokenObject>> List() override { return objects_; }

 private:
  std::vector<hsm::TokenObject> objects_;
};

double ResidentMib() {
  std::ifstream file("/proc/self/statm");
  size_t pages = 0;
  file >> pages >> pages;
  return static_cast<double>(pages) *
         static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

Status Fill(store::Store& store, ListDevice& device) {
  return store.Update([&](store::Transaction& t) {
    for (int k = 0; k < kKeys; ++k) {
      store::KeyRow key;
      key.id = Uuid::Random();
      key.name =
          "tenant" + std::to_string(k % 100) + "/key" + std::to_string(k);
      key.labels = {{"env", "prod"}};
      key.primary_version = kVersions;
      key.created = Clock::System().Now();
      SR_RETURN_IF_ERROR(t.InsertKey(key));
      for (uint32_t v = 1; v <= kVersions; ++v) {
        store::VersionRow version;
        version.key_id = key.id;
        version.version = v;
        version.kek_id = Uuid::Random();
        version.state = store::VersionState::kEnabled;
        version.known_answer = Bytes(44, 1);
        version.seals_reserved = 1000;
        version.created = key.created;
        SR_RETURN_IF_ERROR(t.InsertVersion(version));
        device.Add(version.kek_id,
                   "strongroom/" + store.installation_id().ToString() + "/" +
                       key.id.ToString() + "/v" + std::to_string(v));
      }
    }
    return OkStatus();
  });
}

int Measure(const std::string& path) {
  ListDevice device;
  {
    auto store = store::OpenSqliteStore({.path = path});
    if (!store.ok() || !Fill(**store, device).ok()) return 1;
  }
  const double before = ResidentMib();
  const SteadyTime start = Clock::System().Steady();
  auto store = store::OpenSqliteStore({.path = path});
  if (!store.ok()) return 1;
  auto keyring = std::make_unique<keyring::Keyring>(
      **store, device, Clock::System(), NullMetrics(),
      keyring::KeyringOptions());
  auto report = keyring->Start();
  const std::chrono::duration<double> took = Clock::System().Steady() - start;
  if (!report.ok() ||
      keyring->Current()->keys().size() != static_cast<size_t>(kKeys)) {
    return 1;
  }
  std::printf("{\"resident_mib\": %.1f, \"ready_s\": %.3f}\n",
              ResidentMib() - before, took.count());
  return 0;
}

}  // namespace
}  // namespace strongroom::bench

int main() {
  const char* base = std::getenv("TMPDIR");
  std::string directory =
      std::string(base == nullptr ? "/tmp" : base) + "/strongroom-keys-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) return 1;
  const int result = strongroom::bench::Measure(directory + "/store.db");
  std::filesystem::remove_all(directory);
  if (result != 0) std::fprintf(stderr, "keyring_bench: could not be run\n");
  return result;
}
