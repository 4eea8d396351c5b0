#include "strongroom/base/status.h"

#include <array>
#include <charconv>

#include "absl/strings/cord.h"

namespace strongroom {
namespace {

constexpr char kReasonUrl[] = "strongroom/reason";
constexpr char kRetryUrl[] = "strongroom/retry-ms";

struct ReasonRow {
  std::string_view name;
  StatusCode code;
};

constexpr ReasonRow kReasons[] = {
#define STRONGROOM_X(enumerator, name, code) {name, StatusCode::code},
    STRONGROOM_REASONS(STRONGROOM_X)
#undef STRONGROOM_X
};

const ReasonRow& RowOf(Reason reason) {
  return kReasons[static_cast<size_t>(reason)];
}

std::optional<std::string> PayloadOf(const Status& status, const char* url) {
  auto payload = status.GetPayload(url);
  if (!payload.has_value()) return std::nullopt;
  return std::string(*payload);
}

}  // namespace

std::string_view ReasonName(Reason reason) { return RowOf(reason).name; }

std::optional<Reason> ReasonFromName(std::string_view name) {
  for (size_t i = 0; i < std::size(kReasons); ++i) {
    if (kReasons[i].name == name) return static_cast<Reason>(i);
  }
  return std::nullopt;
}

StatusCode ReasonCode(Reason reason) { return RowOf(reason).code; }

Status Error(Reason reason, std::string_view message) {
  const ReasonRow& row = RowOf(reason);
  Status status(row.code, ToAbsl(message));
  status.SetPayload(kReasonUrl, absl::Cord(ToAbsl(row.name)));
  return status;
}

Status Error(Reason reason, std::string_view message,
             std::chrono::milliseconds retry_after) {
  Status status = Error(reason, message);
  status.SetPayload(kRetryUrl, absl::Cord(std::to_string(retry_after.count())));
  return status;
}

Reason ReasonOf(const Status& status) {
  std::optional<std::string> name = PayloadOf(status, kReasonUrl);
  if (!name.has_value()) return Reason::kInternal;
  return ReasonFromName(*name).value_or(Reason::kInternal);
}

std::optional<std::chrono::milliseconds> RetryAfterOf(const Status& status) {
  std::optional<std::string> text = PayloadOf(status, kRetryUrl);
  if (!text.has_value()) return std::nullopt;
  int64_t count = 0;
  const char* end = text->data() + text->size();
  auto [stop, error] = std::from_chars(text->data(), end, count);
  if (error != std::errc() || stop != end) return std::nullopt;
  return std::chrono::milliseconds(count);
}

Status Annotate(const Status& status, std::string_view context) {
  if (status.ok()) return status;
  std::string message(context);
  message += ": ";
  message += MessageOf(status);
  Status annotated(status.code(), message);
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace strongroom
