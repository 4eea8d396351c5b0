#include "server/health_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/testing/device_calls.h"
#include "tests/testing/fake_device.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::server {
namespace {

using ::strongroom::testing::FakeDevice;
using ::strongroom::testing::MakeKek;
using ::testing::ElementsAre;

class HealthWatchTest : public ::testing::Test {
 protected:
  Uuid Kek() { return MakeKek(device_).value().id; }

  FakeDevice device_;
  std::vector<bool> said_;
  HealthWatch watch_{device_, NullMetrics(),
                     [this](bool serving) { said_.push_back(serving); }};
};

TEST_F(HealthWatchTest, AWellTokenIsServedAsLongAsThatIsWanted) {
  Kek();
  watch_.Look();
  watch_.Serve(true);
  watch_.Look();
  watch_.Serve(false);
  watch_.Look();
  EXPECT_THAT(said_, ElementsAre(true, false));
}

TEST_F(HealthWatchTest, ATokenThatIsAwayIsNotServedUntilItIsBack) {
  watch_.Serve(true);
  device_.SetUnhealthy("unplugged");
  watch_.Look();
  watch_.Look();
  device_.SetHealthy();
  watch_.Look();
  EXPECT_THAT(said_, ElementsAre(true, false, true));
}

TEST_F(HealthWatchTest, WhenAllKeksAreGoneNothingIsServed) {
  const std::vector<Uuid> keks = {Kek(), Kek()};
  watch_.Serve(true);
  for (const Uuid& id : keks) device_.objects()->Remove(id);
  watch_.Look();
  EXPECT_THAT(said_, ElementsAre(true, false));
}

TEST_F(HealthWatchTest, OneMissingKekDoesNotTakeTheOthersFromTheirUsers) {
  const Uuid gone = Kek();
  Kek();
  watch_.Serve(true);
  device_.objects()->Remove(gone);
  watch_.Look();
  EXPECT_EQ(device_.Health().keks_missing, 1u);
  EXPECT_THAT(said_, ElementsAre(true));
}

TEST_F(HealthWatchTest, ATokenThatComesBackWhileDrainingIsNotServed) {
  device_.SetUnhealthy("unplugged");
  watch_.Look();
  watch_.Serve(true);
  watch_.Serve(false);
  device_.SetHealthy();
  watch_.Look();
  EXPECT_THAT(said_, ElementsAre(false, false, false, false));
}

}  // namespace
}  // namespace strongroom::server
