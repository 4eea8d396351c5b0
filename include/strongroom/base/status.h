// Status and StatusOr with a reason: how every failure travels.
//
// The code tells the caller what to do. The reason (reasons.h) tells what
// happened. The message names the thing, what was found and what was wanted.
// Context in a message never changes code or reason. Nothing here throws.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "strongroom/base/reasons.h"

namespace strongroom {

using absl::OkStatus;
using absl::Status;
using absl::StatusCode;
using absl::StatusOr;

enum class Reason : uint8_t {
#define STRONGROOM_X(enumerator, name, code) enumerator,
  STRONGROOM_REASONS(STRONGROOM_X)
#undef STRONGROOM_X
};

// ReasonName is the stable wire name, e.g. "NOT_AUTHENTIC".
std::string_view ReasonName(Reason reason);
// ReasonFromName is the inverse; nullopt for names this build does not know.
std::optional<Reason> ReasonFromName(std::string_view name);
// ReasonCode is the canonical code a reason always travels with.
StatusCode ReasonCode(Reason reason);

// Error makes a failure with the code of its reason.
Status Error(Reason reason, std::string_view message);
// Error with a delay after which the caller may try again (sent as RetryInfo).
Status Error(Reason reason, std::string_view message,
             std::chrono::milliseconds retry_after);

// ReasonOf gives the reason of a failure, which must not be OK. A failure that
// Error did not make has none: that is a fault of ours, and gives kInternal.
Reason ReasonOf(const Status& status);
std::optional<std::chrono::milliseconds> RetryAfterOf(const Status& status);

// Annotate puts "context: " before the message; code, reason, delay stay.
Status Annotate(const Status& status, std::string_view context);

// The shims to absl::string_view, which is a type of its own in Debian's build.
inline std::string_view ToStd(absl::string_view s) {
  return {s.data(), s.size()};
}
inline absl::string_view ToAbsl(std::string_view s) {
  return {s.data(), s.size()};
}
inline std::string_view MessageOf(const Status& status) {
  return ToStd(status.message());
}

}  // namespace strongroom

#define STRONGROOM_CONCAT_INNER_(a, b) a##b
#define STRONGROOM_CONCAT_(a, b) STRONGROOM_CONCAT_INNER_(a, b)

// The variable's name is new each time: the expression may be a lambda that
// uses the macro too.
#define SR_RETURN_IF_ERROR(expression)                                  \
  SR_RETURN_IF_ERROR_IMPL_(STRONGROOM_CONCAT_(sr_status_, __COUNTER__), \
                           expression)
#define SR_RETURN_IF_ERROR_IMPL_(status, expression)              \
  do {                                                            \
    if (::strongroom::Status status = (expression); !status.ok()) \
      return status;                                              \
  } while (false)

// SR_ASSIGN_OR_RETURN(auto x, F()) declares x, or returns F's failure.
#define SR_ASSIGN_OR_RETURN(declaration, expression)                     \
  SR_ASSIGN_OR_RETURN_IMPL_(STRONGROOM_CONCAT_(sr_result_, __COUNTER__), \
                            declaration, expression)
#define SR_ASSIGN_OR_RETURN_IMPL_(result, declaration, expression) \
  auto result = (expression);                                      \
  if (!result.ok()) return std::move(result).status();             \
  declaration = *std::move(result)
