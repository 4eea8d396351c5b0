// What holds for the table of operations as a whole.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/service/raw_request.h"

namespace strongroom::service {
namespace {

TEST(OperationsTest, EachRpcHasOneRowAndThereIsNoOther) {
  std::set<std::string> rows;
  for (const Row* row : AllRows()) {
    const std::string name =
        std::string(row->spec->service) + "." + std::string(row->spec->rpc);
    EXPECT_TRUE(rows.insert(name).second) << name << " occurs twice";
  }
  std::set<std::string> rpcs;
  for (const auto* file : {v1::WrapRequest::descriptor()->file(),
                           v1::GetKeyRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      const auto& service = *file->service(i);
      for (int j = 0; j < service.method_count(); ++j) {
        rpcs.insert(service.name() + "." + service.method(j)->name());
      }
    }
  }
  EXPECT_EQ(rows, rpcs);
}

TEST(OperationsTest, DataOperationsAreInKeyServiceAndTheRestInKeyAdmin) {
  for (const Row* row : AllRows()) {
    EXPECT_EQ(row->spec->service, row->spec->blocks() ? kKeyAdmin : kKeyService)
        << row->spec->rpc;
  }
}

TEST(OperationsTest, ABatchFormAsksForWhatItsUnaryFormDoes) {
  int pairs = 0;
  for (const Row* one : AllRows()) {
    const OperationSpec& batch = *one->spec;
    if (batch.operation_class != OperationClass::kBatch) continue;
    for (const Row* other : AllRows()) {
      const OperationSpec& unary = *other->spec;
      if (unary.operation_class != OperationClass::kUnary) continue;
      std::string name = "Batch" + std::string(unary.rpc);
      if (batch.rpc != name && batch.rpc != name + "s") continue;
      ++pairs;
      EXPECT_EQ(batch.action, unary.action) << batch.rpc;
      EXPECT_GT(batch.max_request_bytes(), unary.max_request_bytes());
    }
  }
  EXPECT_EQ(pairs, 6);
}

TEST(OperationsTest, ViewsAreWhatTheApiSaysHasNoEffects) {
  for (const Row* row : AllRows()) {
    const bool view = row->spec->operation_class == OperationClass::kView;
    EXPECT_EQ(MethodOf(*row->spec).options().idempotency_level() ==
                  google::protobuf::MethodOptions::NO_SIDE_EFFECTS,
              view)
        << row->spec->rpc;
  }
}

TEST(OperationsTest, EveryRowHasLimits) {
  for (const Row* row : AllRows()) {
    const OperationSpec& spec = *row->spec;
    EXPECT_GE(spec.max_request_bytes(), 16u * 1024) << spec.rpc;
    EXPECT_LE(spec.max_request_bytes(), 5u << 20) << spec.rpc;
    EXPECT_GT(spec.max_deadline().count(), 0) << spec.rpc;
    EXPECT_LE(spec.max_deadline(), std::chrono::minutes(2)) << spec.rpc;
    if (spec.operation_class == OperationClass::kUnary) {
      // Over 64 KiB, so that the answer can say what to use instead.
      EXPECT_GE(spec.max_request_bytes(), 2u * 65536);
    }
  }
}

}  // namespace
}  // namespace strongroom::service
