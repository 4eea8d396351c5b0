// Every reason an error of Strongroom can carry: one row each.
//
// A reason is stable: programs match on it. It is sent as
// google.rpc.ErrorInfo.reason. The code says what the caller may do about it.
// docs/errors.md explains each reason; a test holds the two together.
#pragma once

// X(enumerator, wire name, canonical code)
#define STRONGROOM_REASONS(X)                                             \
  /* The request is wrong; sending it again cannot help. */               \
  X(kMalformed, "MALFORMED", kInvalidArgument)                            \
  X(kFormatUnknown, "FORMAT_UNKNOWN", kInvalidArgument)                   \
  X(kNotAuthentic, "NOT_AUTHENTIC", kInvalidArgument)                     \
  X(kContextInvalid, "CONTEXT_INVALID", kInvalidArgument)                 \
  X(kNameInvalid, "NAME_INVALID", kInvalidArgument)                       \
  X(kArgumentInvalid, "ARGUMENT_INVALID", kInvalidArgument)               \
  X(kDekSizeInvalid, "DEK_SIZE_INVALID", kInvalidArgument)                \
  X(kPlaintextTooLarge, "PLAINTEXT_TOO_LARGE", kInvalidArgument)          \
  X(kRequestTooLarge, "REQUEST_TOO_LARGE", kInvalidArgument)              \
  X(kRequestIdReused, "REQUEST_ID_REUSED", kInvalidArgument)              \
  /* The caller, and the thing asked for. */                              \
  X(kUnauthenticated, "UNAUTHENTICATED", kUnauthenticated)                \
  X(kPermissionDenied, "PERMISSION_DENIED", kPermissionDenied)            \
  X(kKeyNotFound, "KEY_NOT_FOUND", kNotFound)                             \
  X(kVersionNotFound, "VERSION_NOT_FOUND", kNotFound)                     \
  X(kDekNotFound, "DEK_NOT_FOUND", kNotFound)                             \
  X(kJobNotFound, "JOB_NOT_FOUND", kNotFound)                             \
  X(kKeyExists, "KEY_EXISTS", kAlreadyExists)                             \
  /* The state of a thing forbids it; change the state first. */          \
  X(kVersionState, "VERSION_STATE", kFailedPrecondition)                  \
  X(kDekShredded, "DEK_SHREDDED", kFailedPrecondition)                    \
  X(kDeksOutstanding, "DEKS_OUTSTANDING", kFailedPrecondition)            \
  X(kUnregisteredWraps, "UNREGISTERED_WRAPS", kFailedPrecondition)        \
  X(kJobState, "JOB_STATE", kFailedPrecondition)                          \
  X(kRegistrationRule, "REGISTRATION_RULE", kFailedPrecondition)          \
  X(kSealLimitReached, "SEAL_LIMIT_REACHED", kFailedPrecondition)         \
  X(kKekNotOnToken, "KEK_NOT_ON_TOKEN", kFailedPrecondition)              \
  X(kSigningKeyMissing, "SIGNING_KEY_MISSING", kFailedPrecondition)       \
  X(kConflict, "CONFLICT", kAborted)                                      \
  /* Too much at once: slow down. */                                      \
  X(kQueueFull, "QUEUE_FULL", kResourceExhausted)                         \
  X(kHsmBusy, "HSM_BUSY", kResourceExhausted)                             \
  X(kRateLimited, "RATE_LIMITED", kResourceExhausted)                     \
  /* Not now. */                                                          \
  X(kDraining, "DRAINING", kUnavailable)                                  \
  X(kHsmUnavailable, "HSM_UNAVAILABLE", kUnavailable)                     \
  X(kHsmLoginRefused, "HSM_LOGIN_REFUSED", kUnavailable)                  \
  X(kStoreUnavailable, "STORE_UNAVAILABLE", kUnavailable)                 \
  X(kAuditUnavailable, "AUDIT_UNAVAILABLE", kUnavailable)                 \
  X(kServerUnreachable, "SERVER_UNREACHABLE", kUnavailable)               \
  X(kDeadlineExceeded, "DEADLINE_EXCEEDED", kDeadlineExceeded)            \
  X(kCancelled, "CANCELLED", kCancelled)                                  \
  /* Found while starting, or by the operator's commands. */              \
  X(kConfigInvalid, "CONFIG_INVALID", kFailedPrecondition)                \
  X(kFileNotPrivate, "FILE_NOT_PRIVATE", kFailedPrecondition)             \
  X(kFileUnreadable, "FILE_UNREADABLE", kFailedPrecondition)              \
  X(kAddressInUse, "ADDRESS_IN_USE", kFailedPrecondition)                 \
  X(kCertificateInvalid, "CERTIFICATE_INVALID", kFailedPrecondition)      \
  X(kModuleNotLoaded, "MODULE_NOT_LOADED", kFailedPrecondition)           \
  X(kTokenNotFound, "TOKEN_NOT_FOUND", kFailedPrecondition)               \
  X(kHsmCapabilityMissing, "HSM_CAPABILITY_MISSING", kFailedPrecondition) \
  X(kStoreSchemaNewer, "STORE_SCHEMA_NEWER", kFailedPrecondition)         \
  X(kStoreLocked, "STORE_LOCKED", kFailedPrecondition)                    \
  X(kStoreReadOnly, "STORE_READ_ONLY", kFailedPrecondition)               \
  X(kStoreFull, "STORE_FULL", kUnavailable)                               \
  X(kStoreCorrupt, "STORE_CORRUPT", kDataLoss)                            \
  X(kDevelopmentOnly, "DEVELOPMENT_ONLY", kFailedPrecondition)            \
  /* A fault of ours or of the device's. */                               \
  X(kHsmUnexpected, "HSM_UNEXPECTED", kInternal)                          \
  X(kInternal, "INTERNAL", kInternal)                                     \
  X(kUnimplemented, "UNIMPLEMENTED", kUnimplemented)
