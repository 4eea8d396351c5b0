// Matchers and macros for Status and StatusOr.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "strongroom/base/status.h"

// gtest finds printers by the type's namespace; without this one it shows a
// StatusOr as a row of bytes.
namespace absl {
template <typename T>
void PrintTo(const StatusOr<T>& result, std::ostream* out) {
  *out << (result.ok() ? "OK" : result.status().ToString());
}
}  // namespace absl

namespace strongroom::testing {

inline const Status& StatusOf(const Status& status) { return status; }
template <typename T>
const Status& StatusOf(const StatusOr<T>& result) {
  return result.status();
}

inline std::string Describe(const Status& status) {
  if (status.ok()) return "OK";
  std::string text(ReasonName(ReasonOf(status)));
  text += ": ";
  text += MessageOf(status);
  return text;
}

inline ::testing::AssertionResult Succeeds(const char* expression,
                                           const Status& status) {
  if (status.ok()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << expression << " is " << Describe(status);
}

// IsOk matches a Status or StatusOr that is OK.
MATCHER(IsOk, negation ? "is a failure" : "is OK") {
  *result_listener << Describe(StatusOf(arg));
  return StatusOf(arg).ok();
}

// IsOkAndHolds matches a StatusOr whose value matches.
MATCHER_P(IsOkAndHolds, matcher,
          "is OK and holds a value that " +
              ::testing::DescribeMatcher<
                  std::decay_t<decltype(*std::declval<arg_type&>())>>(
                  matcher, negation)) {
  if (!arg.ok()) {
    *result_listener << Describe(StatusOf(arg));
    return false;
  }
  return ::testing::ExplainMatchResult(matcher, *arg, result_listener);
}

// HasReason matches a failure with this reason, and the code that goes with it.
MATCHER_P(HasReason, reason,
          (negation ? "has not the reason " : "has the reason ") +
              std::string(ReasonName(reason))) {
  const Status& status = StatusOf(arg);
  *result_listener << Describe(status);
  return !status.ok() && ReasonOf(status) == reason &&
         status.code() == ReasonCode(reason);
}

// HasReason with a matcher for the message (a std::string).
MATCHER_P2(HasReason, reason, message,
           (negation ? "has not the reason " : "has the reason ") +
               std::string(ReasonName(reason)) + " and a message that " +
               ::testing::DescribeMatcher<std::string>(message, negation)) {
  const Status& status = StatusOf(arg);
  *result_listener << Describe(status);
  return !status.ok() && ReasonOf(status) == reason &&
         status.code() == ReasonCode(reason) &&
         ::testing::Matches(message)(std::string(MessageOf(status)));
}

}  // namespace strongroom::testing

// Success is asked of most calls in most tests, so these are a plain function
// and no matcher: a matcher would be compiled anew for every type.
#define ASSERT_OK(expression)                          \
  ASSERT_PRED_FORMAT1(::strongroom::testing::Succeeds, \
                      ::strongroom::testing::StatusOf(expression))
#define EXPECT_OK(expression)                          \
  EXPECT_PRED_FORMAT1(::strongroom::testing::Succeeds, \
                      ::strongroom::testing::StatusOf(expression))

// ASSERT_OK_AND_ASSIGN(auto x, F()) declares x, or ends the test.
#define ASSERT_OK_AND_ASSIGN(declaration, expression)                        \
  STRONGROOM_ASSERT_OK_AND_ASSIGN_(STRONGROOM_CONCAT_(sr_result_, __LINE__), \
                                   declaration, expression)
#define STRONGROOM_ASSERT_OK_AND_ASSIGN_(result, declaration, expression) \
  auto result = (expression);                                             \
  ASSERT_TRUE(result.ok()) << ::strongroom::testing::Describe(            \
      ::strongroom::testing::StatusOf(result));                           \
  declaration = *std::move(result)
