#include "load/arrivals.h"

#include <gtest/gtest.h>

namespace strongroom::load {
namespace {

using std::chrono::nanoseconds;

TEST(ArrivalsTest, ConstantOnesAreEvenAndDoNotDrift) {
  Arrivals arrivals(3000, ArrivalKind::kConstant, 1);
  nanoseconds last{0};
  for (int i = 0; i <= 3'000'000; ++i) last = arrivals.Next();
  EXPECT_EQ(last, std::chrono::seconds(1000));
}

TEST(ArrivalsTest, PoissonOnesKeepTheRateAndNeverGoBack) {
  Arrivals arrivals(1000, ArrivalKind::kPoisson, 1);
  nanoseconds last{0};
  for (int i = 0; i < 100'000; ++i) {
    const nanoseconds next = arrivals.Next();
    ASSERT_GE(next, last);
    last = next;
  }
  EXPECT_NEAR(std::chrono::duration<double>(last).count(), 100, 2);
}

TEST(ArrivalsTest, PoissonDistancesDifferAndTheSeedRepeatsThem) {
  Arrivals a(1000, ArrivalKind::kPoisson, 1);
  Arrivals b(1000, ArrivalKind::kPoisson, 1);
  Arrivals other(1000, ArrivalKind::kPoisson, 2);
  const nanoseconds first = a.Next();
  EXPECT_EQ(first, b.Next());
  EXPECT_NE(first, other.Next());
  EXPECT_NE(a.Next() - first, first);
}

}  // namespace
}  // namespace strongroom::load
