// Registers many DEKs of one key, as a caller like any other: 4096 to a
// request, four requests at a time. The service is named by the environment of
// the CLI.
//
//   rotation_client KEY COUNT
//
// Prints one JSON object: {"registered": ..., "seconds": ...}.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "strongroom/client/client.h"

namespace strongroom::client {
namespace {

constexpr uint32_t kInRequest = 4096;
constexpr int kThreads = 4;
constexpr std::chrono::milliseconds kTimeout{120'000};

int Fail(const Status& status) {
  std::fprintf(stderr, "%s\n", std::string(MessageOf(status)).c_str());
  return 1;
}

// RegisterSome takes requests until `left` has none. A full queue is waited
// for, as the service says.
Status RegisterSome(Client& client, const std::string& key,
                    std::atomic<int64_t>& left) {
  for (;;) {
    const int64_t begin = left.fetch_sub(kInRequest);
    if (begin <= 0) return OkStatus();
    const auto count =
        static_cast<uint32_t>(std::min<int64_t>(begin, kInRequest));
    SR_ASSIGN_OR_RETURN(
        const auto made,
        client.BatchGenerateDataKeys(key, count, 32, /*with_plaintext=*/false,
                                     {}, Registering{}));
    for (const auto& item : made) SR_RETURN_IF_ERROR(item.status());
  }
}

int Run(const std::string& key, int64_t count) {
  StatusOr<Options> options = OptionsFromEnvironment();
  if (!options.ok()) return Fail(options.status());
  options->timeout = kTimeout;
  StatusOr<std::unique_ptr<Client>> client = Client::Connect(*options);
  if (!client.ok()) return Fail(client.status());
  const auto began = std::chrono::steady_clock::now();
  std::atomic<int64_t> left = count;
  std::vector<Status> results(kThreads, OkStatus());
  std::vector<std::thread> threads;
  for (Status& result : results) {
    threads.emplace_back([&] { result = RegisterSome(**client, key, left); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Status& result : results) {
    if (!result.ok()) return Fail(result);
  }
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - began;
  std::printf("{\"registered\": %lld, \"seconds\": %.3f}\n",
              static_cast<long long>(count), took.count());
  return 0;
}

}  // namespace
}  // namespace strongroom::client

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: rotation_client KEY COUNT\n");
    return 2;
  }
  return strongroom::client::Run(argv[1], std::atoll(argv[2]));
}
