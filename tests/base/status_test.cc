#include "strongroom/base/status.h"

#include <set>

#include "absl/strings/cord.h"
#include "tests/testing/status_matchers.h"

namespace strongroom {
namespace {

using std::chrono::milliseconds;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Not;

constexpr Reason kAll[] = {
#define STRONGROOM_X(enumerator, name, code) Reason::enumerator,
    STRONGROOM_REASONS(STRONGROOM_X)
#undef STRONGROOM_X
};

TEST(StatusTest, EveryReasonSurvivesItsNameAndKeepsItsCode) {
  std::set<std::string_view> names;
  for (Reason reason : kAll) {
    std::string_view name = ReasonName(reason);
    EXPECT_TRUE(names.insert(name).second) << name << " occurs twice";
    EXPECT_EQ(ReasonFromName(name), reason) << name;
    Status status = Error(reason, "why");
    EXPECT_EQ(status.code(), ReasonCode(reason)) << name;
    EXPECT_EQ(ReasonOf(status), reason) << name;
    EXPECT_NE(status.code(), StatusCode::kOk) << name;
  }
}

TEST(StatusTest, ReasonNamesAreUpperSnake) {
  for (Reason reason : kAll) {
    EXPECT_THAT(std::string(ReasonName(reason)),
                ::testing::MatchesRegex("[A-Z][A-Z_]*[A-Z]"));
  }
}

TEST(StatusTest, AnUnknownNameIsNoReason) {
  EXPECT_EQ(ReasonFromName("NO_SUCH_REASON"), std::nullopt);
  EXPECT_EQ(ReasonFromName(""), std::nullopt);
  EXPECT_EQ(ReasonFromName("not_authentic"), std::nullopt);
  EXPECT_EQ(ReasonFromName("NOT_AUTHENTIC "), std::nullopt);
}

TEST(StatusTest, AFailureNotMadeByErrorIsInternal) {
  EXPECT_EQ(ReasonOf(absl::NotFoundError("x")), Reason::kInternal);
}

TEST(StatusTest, AReasonThisBuildDoesNotKnowIsInternal) {
  Status status = absl::NotFoundError("x");
  status.SetPayload("strongroom/reason", absl::Cord("FROM_THE_FUTURE"));
  EXPECT_EQ(ReasonOf(status), Reason::kInternal);
}

TEST(StatusTest, TheRetryDelayIsCarried) {
  Status status = Error(Reason::kQueueFull, "full", milliseconds(250));
  EXPECT_THAT(status, HasReason(Reason::kQueueFull, HasSubstr("full")));
  EXPECT_EQ(RetryAfterOf(status), milliseconds(250));
}

TEST(StatusTest, AFailureWithoutDelayHasNone) {
  EXPECT_EQ(RetryAfterOf(Error(Reason::kQueueFull, "full")), std::nullopt);
  EXPECT_EQ(RetryAfterOf(OkStatus()), std::nullopt);
}

TEST(StatusTest, AGarbledDelayIsNone) {
  for (const char* text : {"", "x", "12x", "99999999999999999999"}) {
    Status status = absl::UnavailableError("x");
    status.SetPayload("strongroom/retry-ms", absl::Cord(text));
    EXPECT_EQ(RetryAfterOf(status), std::nullopt) << text;
  }
}

TEST(StatusTest, AnnotateChangesTheMessageAlone) {
  Status inner = Error(Reason::kHsmBusy, "no session", milliseconds(5));
  Status outer = Annotate(Annotate(inner, "slot 3"), "wrap");
  EXPECT_EQ(MessageOf(outer), "wrap: slot 3: no session");
  EXPECT_EQ(ReasonOf(outer), Reason::kHsmBusy);
  EXPECT_EQ(outer.code(), inner.code());
  EXPECT_EQ(RetryAfterOf(outer), milliseconds(5));
}

TEST(StatusTest, AnnotateLeavesOkAlone) {
  EXPECT_OK(Annotate(OkStatus(), "context"));
}

Status FailIf(bool fail) {
  return fail ? Error(Reason::kConflict, "told to") : OkStatus();
}
StatusOr<int> NumberUnless(bool fail) {
  SR_RETURN_IF_ERROR(FailIf(fail));
  return 7;
}
StatusOr<int> NextUnless(bool fail) {
  SR_ASSIGN_OR_RETURN(int number, NumberUnless(fail));
  return number + 1;
}

TEST(StatusTest, TheMacrosPassFailuresOnAndValuesThrough) {
  EXPECT_THAT(NextUnless(false), IsOkAndHolds(8));
  EXPECT_THAT(NextUnless(true), HasReason(Reason::kConflict));
}

TEST(StatusMatchersTest, TheMatchersTellFailuresFromSuccesses) {
  StatusOr<int> good = 7;
  StatusOr<int> bad = Error(Reason::kConflict, "told to");
  EXPECT_THAT(good, IsOk());
  EXPECT_THAT(bad, Not(IsOk()));
  EXPECT_THAT(good, Not(IsOkAndHolds(8)));
  EXPECT_THAT(bad, Not(IsOkAndHolds(7)));
  EXPECT_THAT(good, Not(HasReason(Reason::kConflict)));
  EXPECT_THAT(bad, Not(HasReason(Reason::kInternal)));
  EXPECT_THAT(bad, Not(HasReason(Reason::kConflict, HasSubstr("other"))));
}

TEST(StatusMatchersTest, AssignGivesTheValueToTheTest) {
  ASSERT_OK_AND_ASSIGN(auto number, NumberUnless(false));
  EXPECT_EQ(number, 7);
  ASSERT_OK_AND_ASSIGN(
      auto moved, StatusOr<std::unique_ptr<int>>(std::make_unique<int>(3)));
  EXPECT_EQ(*moved, 3);
}

}  // namespace
}  // namespace strongroom
