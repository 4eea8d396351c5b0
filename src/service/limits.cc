#include "service/limits.h"

#include <string>

namespace strongroom::service {
namespace {

Status TooLarge(std::string_view what, size_t found, size_t wanted) {
  return Error(Reason::kRequestTooLarge,
               "the request has " + std::to_string(found) + " " +
                   std::string(what) + "; want at most " +
                   std::to_string(wanted) + ": send several requests");
}

StatusOr<Bytes> Canonical(const model::Context& context) {
  envelope::ContextPairs pairs(context.begin(), context.end());
  return envelope::CanonicalContext(pairs);
}

}  // namespace

Status CheckSize(const OperationSpec& spec, size_t bytes) {
  const size_t most = spec.max_request_bytes();
  if (bytes <= most) return OkStatus();
  const bool encrypts = spec.action == auth::Action::kEncrypt &&
                        spec.operation_class == OperationClass::kUnary;
  return Error(Reason::kRequestTooLarge,
               std::string(spec.rpc) + " request of " + std::to_string(bytes) +
                   " bytes; want at most " + std::to_string(most) +
                   (encrypts ? ": take a data key (GenerateDataKey) and "
                               "encrypt on your side"
                             : ""));
}

Status CheckItemCount(const OperationSpec& spec, size_t count) {
  if (spec.operation_class == OperationClass::kUnary) {
    if (count == 1) return OkStatus();
    return Error(Reason::kArgumentInvalid, std::string(spec.rpc) + " has " +
                                               std::to_string(count) +
                                               " items; want 1");
  }
  if (count == 0) {
    return Error(Reason::kArgumentInvalid,
                 std::string(spec.rpc) + " has no items; want 1 to " +
                     std::to_string(model::kMaxBatchRequestItems));
  }
  if (count > model::kMaxBatchRequestItems) {
    return TooLarge("items", count, model::kMaxBatchRequestItems);
  }
  return OkStatus();
}

Status CheckWeight(const OperationSpec& spec, size_t bytes) {
  if (spec.operation_class == OperationClass::kUnary ||
      bytes <= model::kMaxBatchRequestBytes) {
    return OkStatus();
  }
  return TooLarge("bytes", bytes, model::kMaxBatchRequestBytes);
}

Status CheckDistinctHeaders(size_t count) {
  if (count <= model::kMaxDistinctHeaders) return OkStatus();
  return TooLarge("distinct headers", count, model::kMaxDistinctHeaders);
}

Status CheckSecretSize(envelope::Purpose purpose, size_t size) {
  envelope::SizeLimits limits = envelope::SecretSizeLimits(purpose);
  if (size >= limits.min && size <= limits.max) return OkStatus();
  if (purpose == envelope::Purpose::kWrappedDek) {
    return Error(Reason::kDekSizeInvalid,
                 "the DEK has " + std::to_string(size) + " bytes; want " +
                     std::to_string(limits.min) + " to " +
                     std::to_string(limits.max));
  }
  return Error(Reason::kPlaintextTooLarge,
               "the plaintext has " + std::to_string(size) +
                   " bytes; want at most " + std::to_string(limits.max) +
                   ": take a data key (GenerateDataKey) and encrypt with it "
                   "locally");
}

envelope::Purpose PurposeOf(const OperationSpec& spec) {
  switch (spec.action) {
    case auth::Action::kEncrypt:
    case auth::Action::kDecrypt:
      return envelope::Purpose::kData;
    default:
      return envelope::Purpose::kWrappedDek;
  }
}

size_t WeightOf(const model::Context& context) {
  size_t bytes = 0;
  for (const auto& [key, value] : context) bytes += key.size() + value.size();
  return bytes;
}

Contexts::Contexts(const model::Context& shared) : shared_(Canonical(shared)) {}

StatusOr<Bytes> Contexts::For(const std::optional<model::Context>& own) const {
  return own.has_value() ? Canonical(*own) : shared_;
}

}  // namespace strongroom::service
