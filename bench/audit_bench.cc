// What an audit record costs: formatted, written, and made durable; by one
// thread and by several that share writes. In TMPDIR.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>

#include "strongroom/audit/audit_log.h"

namespace strongroom::audit {
namespace {

Record SomeRecord() {
  Record record;
  record.time = Clock::System().Now();
  record.request_id = "0123456789abcdef-00000001";
  record.caller = "uri:spiffe://bank/payments";
  record.peer = "127.0.0.1:50000";
  record.operation = "Wrap";
  record.key = "payments/cards";
  record.versions = {3};
  record.items = 1;
  record.outcome = "OK";
  record.duration_us = 250;
  return record;
}

void BM_Format(benchmark::State& state) {
  const Record record = SomeRecord();
  for (auto _ : state) {
    auto line = FormatRecord(record, 12345678);
    benchmark::DoNotOptimize(line);
  }
}

class AuditBench : public benchmark::Fixture {
 public:
  void SetUp(benchmark::State& state) override {
    if (state.thread_index() != 0) return;
    const char* base = std::getenv("TMPDIR");
    directory_ = std::string(base == nullptr ? "/tmp" : base) +
                 "/strongroom-audit-XXXXXX";
    if (mkdtemp(directory_.data()) == nullptr) std::abort();
    log_ = *OpenAuditLog(directory_ + "/audit.log", NullMetrics());
  }
  void TearDown(benchmark::State& state) override {
    if (state.thread_index() != 0) return;
    log_.reset();
    std::filesystem::remove_all(directory_);
  }

 protected:
  void Append(benchmark::State& state, Durability durability) {
    const Record record = SomeRecord();
    for (auto _ : state) {
      if (!log_->Append(record, durability).ok()) {
        state.SkipWithError("refused");
      }
    }
    state.SetItemsProcessed(state.iterations());
  }

  std::string directory_;
  std::unique_ptr<AuditLog> log_;
};

BENCHMARK(BM_Format);
BENCHMARK_DEFINE_F(AuditBench, Written)(benchmark::State& state) {
  Append(state, Durability::kWritten);
}
BENCHMARK_DEFINE_F(AuditBench, Durable)(benchmark::State& state) {
  Append(state, Durability::kDurable);
}
BENCHMARK_REGISTER_F(AuditBench, Written)
    ->Threads(1)
    ->Threads(4)
    ->UseRealTime();
BENCHMARK_REGISTER_F(AuditBench, Durable)
    ->Threads(1)
    ->Threads(4)
    ->UseRealTime();

}  // namespace
}  // namespace strongroom::audit

BENCHMARK_MAIN();
