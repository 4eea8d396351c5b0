#include "service/caller_limits.h"

#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"

namespace strongroom::service {
namespace {

using std::chrono::milliseconds;
using ::strongroom::testing::HasReason;

auth::Caller Named(const std::string& common_name) {
  return *auth::Authenticator().Authenticate({.verified = true,
                                              .uris = {},
                                              .dns_names = {},
                                              .common_name = common_name,
                                              .subject = ""});
}

std::shared_ptr<const auth::Policy> PolicyWith(const std::string& limits) {
  auto policy = auth::Policy::Parse(
      "version: 1\nrules:\n  - {name: r, who: [\"cn:a\"], may: [wrap], "
      "keys: [\"**\"]}\nlimits:\n" +
          limits,
      "policy.yaml");
  EXPECT_OK(policy);
  return *policy;
}

constexpr char kTen[] = "  - {who: [\"cn:a\"], operations_per_second: 10}\n";
const SteadyTime kStart{std::chrono::hours(1)};

class CallerLimitsTest : public ::testing::Test {
 protected:
  Status Charge(uint64_t operations, milliseconds at,
                const std::string& who = "a") {
    return limits_.Charge(*policy_, Named(who), operations, kStart + at);
  }
  std::shared_ptr<const auth::Policy> policy_ = PolicyWith(kTen);
  CallerLimits limits_;
};

TEST_F(CallerLimitsTest, AfterTheBurstTheCallerIsToldHowLongToWait) {
  for (int i = 0; i < 10; ++i) EXPECT_OK(Charge(1, milliseconds(0)));
  const Status refused = Charge(1, milliseconds(0));
  EXPECT_THAT(refused, HasReason(Reason::kRateLimited));
  EXPECT_EQ(RetryAfterOf(refused), milliseconds(100));
  EXPECT_FALSE(Charge(1, milliseconds(99)).ok());
  EXPECT_OK(Charge(1, milliseconds(101)));
  EXPECT_FALSE(Charge(1, milliseconds(102)).ok());
}

TEST_F(CallerLimitsTest, ARefusalCostsNothing) {
  EXPECT_OK(Charge(10, milliseconds(0)));
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(Charge(1, milliseconds(0)).ok());
  EXPECT_OK(Charge(1, milliseconds(101)));
}

TEST_F(CallerLimitsTest, ABatchAboveTheBurstIsServedAndPaidForAfterwards) {
  EXPECT_OK(Charge(100, milliseconds(0)));
  const Status refused = Charge(1, milliseconds(0));
  EXPECT_THAT(refused, HasReason(Reason::kRateLimited));
  EXPECT_EQ(RetryAfterOf(refused), milliseconds(9100));
  EXPECT_FALSE(Charge(1, milliseconds(9000)).ok());
  EXPECT_OK(Charge(1, milliseconds(9101)));
}

TEST_F(CallerLimitsTest, APauseDoesNotSaveUpMoreThanTheBurst) {
  EXPECT_OK(Charge(1, milliseconds(0)));
  for (int i = 0; i < 10; ++i) EXPECT_OK(Charge(1, milliseconds(3600'000)));
  EXPECT_FALSE(Charge(1, milliseconds(3600'000)).ok());
}

TEST_F(CallerLimitsTest, OthersAreNotHeldToIt) {
  EXPECT_OK(Charge(1000, milliseconds(0)));
  for (int i = 0; i < 1000; ++i) EXPECT_OK(Charge(50, milliseconds(0), "b"));
}

TEST_F(CallerLimitsTest, EachOfOneEntryHasABucketOfItsOwn) {
  policy_ =
      PolicyWith("  - {who: [\"cn:a\", \"cn:b\"], operations_per_second: 1}\n");
  EXPECT_OK(Charge(1, milliseconds(0), "a"));
  EXPECT_OK(Charge(1, milliseconds(0), "b"));
  EXPECT_FALSE(Charge(1, milliseconds(0), "b").ok());
}

TEST_F(CallerLimitsTest, ANewPolicyHoldsFromTheNextRequestOn) {
  EXPECT_OK(Charge(1, milliseconds(0)));
  policy_ = PolicyWith("  - {who: [\"cn:a\"], operations_per_second: 1}\n");
  EXPECT_OK(Charge(1, milliseconds(0)));
  EXPECT_FALSE(Charge(1, milliseconds(0)).ok());
}

TEST_F(CallerLimitsTest, ATimeThatGoesBackGivesNothing) {
  EXPECT_OK(Charge(10, milliseconds(1000)));
  EXPECT_FALSE(Charge(1, milliseconds(0)).ok());
  EXPECT_FALSE(Charge(1, milliseconds(1000)).ok());
}

}  // namespace
}  // namespace strongroom::service
