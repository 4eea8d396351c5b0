#include "cli/report.h"

#include "absl/strings/cord.h"
#include "cli/json.h"
#include "cli/text.h"

namespace strongroom::cli {
namespace {

constexpr char kUsageUrl[] = "strongroom/cli-usage";

bool IsUsageError(const Status& status) {
  return status.GetPayload(kUsageUrl).has_value();
}

bool IsAboutLocalFile(Reason reason) {
  return reason == Reason::kFileUnreadable ||
         reason == Reason::kFileNotPrivate ||
         reason == Reason::kCertificateInvalid;
}

}  // namespace

Status UsageError(std::string_view message) {
  return AsUsageError(Error(Reason::kArgumentInvalid, message));
}

Status AsUsageError(Status status) {
  status.SetPayload(kUsageUrl, absl::Cord());
  return status;
}

int ExitCode(const Status& status) {
  if (status.ok()) return 0;
  if (IsUsageError(status)) return 2;
  if (IsAboutLocalFile(ReasonOf(status))) return 1;
  switch (status.code()) {
    case StatusCode::kInvalidArgument:
      return 3;
    case StatusCode::kUnauthenticated:
    case StatusCode::kPermissionDenied:
      return 4;
    case StatusCode::kNotFound:
    case StatusCode::kAlreadyExists:
      return 5;
    case StatusCode::kFailedPrecondition:
    case StatusCode::kAborted:
      return 6;
    case StatusCode::kUnavailable:
    case StatusCode::kResourceExhausted:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kCancelled:
      return 7;
    default:
      return 1;
  }
}

std::string TextReport(const Status& failure) {
  std::string text = "strongroom: ";
  text += ReasonName(ReasonOf(failure));
  text += ": ";
  text += Printable(MessageOf(failure));
  if (auto delay = RetryAfterOf(failure)) {
    text += "; try again in " + FormatDuration(*delay);
  }
  return text += "\n";
}

std::string JsonReport(const Status& failure) {
  Json error;
  error["reason"] = std::string(ReasonName(ReasonOf(failure)));
  error["code"] = std::string(absl::StatusCodeToString(failure.code()));
  error["message"] = std::string(MessageOf(failure));
  if (auto delay = RetryAfterOf(failure)) {
    error["retry_after_ms"] = delay->count();
  }
  return Dump(Json{{"error", std::move(error)}});
}

}  // namespace strongroom::cli
