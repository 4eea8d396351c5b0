#include "strongroom/service/operations.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace strongroom::service {
namespace {

TEST(OperationsTest, EveryOperationHasItsOwnRow) {
  std::set<std::string> rpcs;
  size_t place = 0;
  for (const OperationSpec& spec : AllOperations()) {
    EXPECT_EQ(static_cast<size_t>(spec.operation), place++);
    EXPECT_EQ(&SpecOf(spec.operation), &spec);
    EXPECT_TRUE(rpcs.insert(std::string(spec.rpc)).second) << spec.rpc;
  }
  EXPECT_EQ(place, static_cast<size_t>(Operation::kWhoAmI) + 1);
}

TEST(OperationsTest, DataOperationsAreInKeyServiceAndTheRestInKeyAdmin) {
  for (const OperationSpec& spec : AllOperations()) {
    bool data = spec.operation_class == OperationClass::kUnary ||
                spec.operation_class == OperationClass::kBatch;
    EXPECT_EQ(spec.service, data ? "KeyService" : "KeyAdmin") << spec.rpc;
  }
}

TEST(OperationsTest, ABatchFormAsksForWhatItsUnaryFormDoes) {
  int pairs = 0;
  for (const OperationSpec& batch : AllOperations()) {
    if (batch.operation_class != OperationClass::kBatch) continue;
    for (const OperationSpec& unary : AllOperations()) {
      if (unary.operation_class != OperationClass::kUnary) continue;
      std::string name = "Batch" + std::string(unary.rpc);
      if (batch.rpc != name && batch.rpc != name + "s") continue;
      ++pairs;
      EXPECT_EQ(batch.action, unary.action) << batch.rpc;
      EXPECT_EQ(batch.releases_plaintext, unary.releases_plaintext);
      EXPECT_GT(batch.max_request_bytes, unary.max_request_bytes);
    }
  }
  EXPECT_EQ(pairs, 6);
}

TEST(OperationsTest, PlaintextLeavesOnlyByOpeningAndByDataKeys) {
  for (const OperationSpec& spec : AllOperations()) {
    bool releases = spec.action == auth::Action::kDecrypt ||
                    spec.action == auth::Action::kUnwrap ||
                    spec.action == auth::Action::kGenerateDataKey;
    EXPECT_EQ(spec.releases_plaintext, releases) << spec.rpc;
  }
}

TEST(OperationsTest, EveryRowHasLimits) {
  for (const OperationSpec& spec : AllOperations()) {
    EXPECT_GE(spec.max_request_bytes, 16u * 1024) << spec.rpc;
    EXPECT_LE(spec.max_request_bytes, 5u << 20) << spec.rpc;
    EXPECT_GT(spec.max_deadline.count(), 0) << spec.rpc;
    EXPECT_LE(spec.max_deadline, std::chrono::minutes(2)) << spec.rpc;
  }
  // Over 64 KiB, so that the answer can say what to use instead.
  EXPECT_GE(SpecOf(Operation::kEncrypt).max_request_bytes, 2u * 65536);
  EXPECT_GT(SpecOf(Operation::kBatchWrap).max_request_bytes,
            kMaxBatchRequestBytes);
}

}  // namespace
}  // namespace strongroom::service
