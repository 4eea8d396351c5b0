// The table of operations: one row for every RPC. What a request may weigh,
// what it needs in the policy, how it is recorded.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "strongroom/auth/policy.h"

namespace strongroom::service {

// X(enumerator, RPC, service, action, class, releases plaintext, idempotent)
// Class: Unary (64 KiB and change), Batch (4 MiB), Admin (durable audit when it
// changes something), View.
#define STRONGROOM_OPERATIONS(X)                                               \
  X(kEncrypt, "Encrypt", "KeyService", kEncrypt, kUnary, false, true)          \
  X(kDecrypt, "Decrypt", "KeyService", kDecrypt, kUnary, true, true)           \
  X(kWrap, "Wrap", "KeyService", kWrap, kUnary, false, true)                   \
  X(kUnwrap, "Unwrap", "KeyService", kUnwrap, kUnary, true, true)              \
  X(kGenerateDataKey, "GenerateDataKey", "KeyService", kGenerateDataKey,       \
    kUnary, true, true)                                                        \
  X(kRewrap, "Rewrap", "KeyService", kRewrap, kUnary, false, true)             \
  X(kBatchEncrypt, "BatchEncrypt", "KeyService", kEncrypt, kBatch, false,      \
    true)                                                                      \
  X(kBatchDecrypt, "BatchDecrypt", "KeyService", kDecrypt, kBatch, true, true) \
  X(kBatchWrap, "BatchWrap", "KeyService", kWrap, kBatch, false, true)         \
  X(kBatchUnwrap, "BatchUnwrap", "KeyService", kUnwrap, kBatch, true, true)    \
  X(kBatchGenerateDataKeys, "BatchGenerateDataKeys", "KeyService",             \
    kGenerateDataKey, kBatch, true, true)                                      \
  X(kBatchRewrap, "BatchRewrap", "KeyService", kRewrap, kBatch, false, true)   \
  X(kCreateKey, "CreateKey", "KeyAdmin", kCreateKey, kAdmin, false, false)     \
  X(kGetKey, "GetKey", "KeyAdmin", kViewKey, kView, false, true)               \
  X(kListKeys, "ListKeys", "KeyAdmin", kViewKey, kView, false, true)           \
  X(kUpdateKey, "UpdateKey", "KeyAdmin", kUpdateKey, kAdmin, false, true)      \
  X(kRotateKey, "RotateKey", "KeyAdmin", kRotateKey, kAdmin, false, false)     \
  X(kEnableVersion, "EnableVersion", "KeyAdmin", kEnableVersion, kAdmin,       \
    false, true)                                                               \
  X(kDisableVersion, "DisableVersion", "KeyAdmin", kDisableVersion, kAdmin,    \
    false, true)                                                               \
  X(kScheduleDestroyVersion, "ScheduleDestroyVersion", "KeyAdmin",             \
    kDestroyVersion, kAdmin, false, false)                                     \
  X(kCancelDestroyVersion, "CancelDestroyVersion", "KeyAdmin",                 \
    kDestroyVersion, kAdmin, false, false)                                     \
  X(kListDeks, "ListDeks", "KeyAdmin", kViewDeks, kView, false, true)          \
  X(kGetDek, "GetDek", "KeyAdmin", kViewDeks, kView, false, true)              \
  X(kDeleteDek, "DeleteDek", "KeyAdmin", kDeleteDek, kAdmin, false, false)     \
  X(kShredDek, "ShredDek", "KeyAdmin", kShredDek, kAdmin, false, true)         \
  X(kStartRewrap, "StartRewrap", "KeyAdmin", kRunJobs, kAdmin, false, false)   \
  X(kGetJob, "GetJob", "KeyAdmin", kViewKey, kView, false, true)               \
  X(kListJobs, "ListJobs", "KeyAdmin", kViewKey, kView, false, true)           \
  X(kGetJobReport, "GetJobReport", "KeyAdmin", kViewKey, kView, false, true)   \
  X(kPauseJob, "PauseJob", "KeyAdmin", kRunJobs, kAdmin, false, false)         \
  X(kResumeJob, "ResumeJob", "KeyAdmin", kRunJobs, kAdmin, false, false)       \
  X(kCancelJob, "CancelJob", "KeyAdmin", kRunJobs, kAdmin, false, false)       \
  X(kGetCensus, "GetCensus", "KeyAdmin", kViewKey, kView, false, true)         \
  X(kReportDependence, "ReportDependence", "KeyAdmin", kReport, kAdmin, false, \
    true)                                                                      \
  X(kListTokenObjects, "ListTokenObjects", "KeyAdmin", kViewToken, kView,      \
    false, true)                                                               \
  X(kGetSigningKey, "GetSigningKey", "KeyAdmin", kViewToken, kAdmin, false,    \
    true)                                                                      \
  X(kGetStatus, "GetStatus", "KeyAdmin", kViewStatus, kView, false, true)      \
  X(kWhoAmI, "WhoAmI", "KeyAdmin", kViewStatus, kView, false, true)

enum class Operation : uint8_t {
#define STRONGROOM_X(e, rpc, service, action, size, plain, idem) e,
  STRONGROOM_OPERATIONS(STRONGROOM_X)
#undef STRONGROOM_X
};

enum class OperationClass : uint8_t { kUnary, kBatch, kAdmin, kView };

struct OperationSpec {
  Operation operation;
  std::string_view rpc;      // "Wrap"
  std::string_view service;  // "KeyService"
  auth::Action action;
  OperationClass operation_class;
  bool releases_plaintext;
  bool idempotent;  // a client may send it again after UNAVAILABLE
  size_t max_request_bytes;
  std::chrono::milliseconds max_deadline;
};

const OperationSpec& SpecOf(Operation operation);
std::span<const OperationSpec> AllOperations();

inline constexpr size_t kMaxBatchRequestItems = 4096;
inline constexpr size_t kMaxBatchRequestBytes = 4u << 20;
inline constexpr size_t kMaxDistinctHeaders = 256;

}  // namespace strongroom::service
