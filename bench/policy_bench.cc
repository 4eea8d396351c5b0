// What one policy check costs, by the number of rules, for a caller that the
// last of them permits and for one that none names.
#include <benchmark/benchmark.h>

#include "strongroom/auth/policy.h"

namespace strongroom::auth {
namespace {

std::string Rules(int64_t count) {
  std::string yaml = "version: 1\nrules:\n";
  for (int64_t i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    yaml += "  - {name: rule " + n + ", who: [\"cn:app" + n +
            "\"], may: [use], keys: [\"tenant" + n + "/**\"]}\n";
  }
  return yaml;
}

void Check(benchmark::State& state, const std::string& who, bool permitted) {
  auto policy = Policy::Parse(Rules(state.range(0)), "policy.yaml");
  const std::string last = std::to_string(state.range(0) - 1);
  PeerCertificate peer;
  peer.verified = true;
  peer.common_name = who + last;
  auto caller = Authenticator().Authenticate(peer);
  if (!policy.ok() || !caller.ok()) return state.SkipWithError("set-up");
  const std::string name = "tenant" + last + "/cards";
  for (auto _ : state) {
    auto permit = (*policy)->Check(*caller, Action::kWrap, {.name = name});
    if (permit.ok() != permitted) state.SkipWithError("wrong verdict");
  }
}

void BM_Permitted(benchmark::State& state) { Check(state, "app", true); }
void BM_Denied(benchmark::State& state) { Check(state, "other", false); }

BENCHMARK(BM_Permitted)->Arg(1)->Arg(100)->Arg(2000);
BENCHMARK(BM_Denied)->Arg(1)->Arg(100)->Arg(2000);

}  // namespace
}  // namespace strongroom::auth

BENCHMARK_MAIN();
