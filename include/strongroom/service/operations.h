// The table of operations: one row for every RPC. What a request may weigh,
// what it needs in the policy, how it is recorded.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "strongroom/auth/policy.h"

namespace strongroom::service {

// X(enumerator, RPC, service, action, class, releases plaintext)
// Class: Unary (64 KiB and change), Batch (4 MiB), Admin (durable audit when it
// changes something), View.
#define STRONGROOM_OPERATIONS(X)                                               \
  X(kEncrypt, "Encrypt", "KeyService", kEncrypt, kUnary, false)                \
  X(kDecrypt, "Decrypt", "KeyService", kDecrypt, kUnary, true)                 \
  X(kWrap, "Wrap", "KeyService", kWrap, kUnary, false)                         \
  X(kUnwrap, "Unwrap", "KeyService", kUnwrap, kUnary, true)                    \
  X(kGenerateDataKey, "GenerateDataKey", "KeyService", kGenerateDataKey,       \
    kUnary, true)                                                              \
  X(kRewrap, "Rewrap", "KeyService", kRewrap, kUnary, false)                   \
  X(kBatchEncrypt, "BatchEncrypt", "KeyService", kEncrypt, kBatch, false)      \
  X(kBatchDecrypt, "BatchDecrypt", "KeyService", kDecrypt, kBatch, true)       \
  X(kBatchWrap, "BatchWrap", "KeyService", kWrap, kBatch, false)               \
  X(kBatchUnwrap, "BatchUnwrap", "KeyService", kUnwrap, kBatch, true)          \
  X(kBatchGenerateDataKeys, "BatchGenerateDataKeys", "KeyService",             \
    kGenerateDataKey, kBatch, true)                                            \
  X(kBatchRewrap, "BatchRewrap", "KeyService", kRewrap, kBatch, false)         \
  X(kCreateKey, "CreateKey", "KeyAdmin", kCreateKey, kAdmin, false)            \
  X(kGetKey, "GetKey", "KeyAdmin", kViewKey, kView, false)                     \
  X(kListKeys, "ListKeys", "KeyAdmin", kViewKey, kView, false)                 \
  X(kUpdateKey, "UpdateKey", "KeyAdmin", kUpdateKey, kAdmin, false)            \
  X(kRotateKey, "RotateKey", "KeyAdmin", kRotateKey, kAdmin, false)            \
  X(kEnableVersion, "EnableVersion", "KeyAdmin", kEnableVersion, kAdmin,       \
    false)                                                                     \
  X(kDisableVersion, "DisableVersion", "KeyAdmin", kDisableVersion, kAdmin,    \
    false)                                                                     \
  X(kScheduleDestroyVersion, "ScheduleDestroyVersion", "KeyAdmin",             \
    kDestroyVersion, kAdmin, false)                                            \
  X(kCancelDestroyVersion, "CancelDestroyVersion", "KeyAdmin",                 \
    kDestroyVersion, kAdmin, false)                                            \
  X(kListDeks, "ListDeks", "KeyAdmin", kViewDeks, kView, false)                \
  X(kGetDek, "GetDek", "KeyAdmin", kViewDeks, kView, false)                    \
  X(kDeleteDek, "DeleteDek", "KeyAdmin", kDeleteDek, kAdmin, false)            \
  X(kShredDek, "ShredDek", "KeyAdmin", kShredDek, kAdmin, false)               \
  X(kStartRewrap, "StartRewrap", "KeyAdmin", kRunJobs, kAdmin, false)          \
  X(kGetJob, "GetJob", "KeyAdmin", kViewKey, kView, false)                     \
  X(kListJobs, "ListJobs", "KeyAdmin", kViewKey, kView, false)                 \
  X(kGetJobReport, "GetJobReport", "KeyAdmin", kViewKey, kView, false)         \
  X(kPauseJob, "PauseJob", "KeyAdmin", kRunJobs, kAdmin, false)                \
  X(kResumeJob, "ResumeJob", "KeyAdmin", kRunJobs, kAdmin, false)              \
  X(kCancelJob, "CancelJob", "KeyAdmin", kRunJobs, kAdmin, false)              \
  X(kGetCensus, "GetCensus", "KeyAdmin", kViewKey, kView, false)               \
  X(kReportDependence, "ReportDependence", "KeyAdmin", kReport, kAdmin, false) \
  X(kListTokenObjects, "ListTokenObjects", "KeyAdmin", kViewToken, kView,      \
    false)                                                                     \
  X(kGetSigningKey, "GetSigningKey", "KeyAdmin", kViewToken, kAdmin, false)    \
  X(kGetStatus, "GetStatus", "KeyAdmin", kViewStatus, kView, false)            \
  X(kWhoAmI, "WhoAmI", "KeyAdmin", kViewStatus, kView, false)

enum class Operation : uint8_t {
#define STRONGROOM_X(e, rpc, service, action, size, plain) e,
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
  size_t max_request_bytes;
  std::chrono::milliseconds max_deadline;
};

const OperationSpec& SpecOf(Operation operation);
std::span<const OperationSpec> AllOperations();

inline constexpr size_t kMaxBatchRequestItems = 4096;
inline constexpr size_t kMaxBatchRequestBytes = 4u << 20;
inline constexpr size_t kMaxDistinctHeaders = 256;

}  // namespace strongroom::service
