// What FakeDevice promises to tests beyond the contract of Device.
#include "tests/testing/fake_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/testing/device_calls.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::testing {
namespace {

using Moment = FakeDevice::Moment;

struct Sealed {
  std::optional<StatusOr<Bytes>> result;
  int calls = 0;
};

void StartSeal(FakeDevice& device, const Uuid& kek, Sealed* out,
               SteadyTime deadline = InOneMinute()) {
  device.Seal(kek, Bytes(1), Bytes(1), deadline, [out](hsm::SealAnswer r) {
    out->result.emplace(std::move(r.sealed));
    ++out->calls;
  });
}

TEST(FakeDevice, RunsNothingByItselfInManualMode) {
  FakeDevice device({.manual = true});
  const Uuid kek = Uuid::Random();
  ASSERT_OK(device.CreateKek(kek, "test"));
  Sealed first, second;
  StartSeal(device, kek, &first);
  StartSeal(device, kek, &second);
  EXPECT_EQ(device.pending(), 2u);
  EXPECT_EQ(first.calls, 0);
  EXPECT_TRUE(device.RunOne());
  EXPECT_EQ(first.calls, 1);
  EXPECT_EQ(second.calls, 0);
  EXPECT_EQ(device.RunAll(), 1u);
  EXPECT_EQ(second.calls, 1);
  EXPECT_OK(*second.result);
  EXPECT_FALSE(device.RunOne());
  EXPECT_EQ(device.count(FakeOperation::kSeal), 2u);
}

TEST(FakeDevice, DropsACallPastItsDeadlineByTheClockItWasGiven) {
  FakeClock clock;
  FakeDevice device({.manual = true, .clock = &clock});
  const Uuid kek = Uuid::Random();
  ASSERT_OK(device.CreateKek(kek, "test"));
  Sealed sealed;
  StartSeal(device, kek, &sealed, clock.Steady() + std::chrono::seconds(1));
  clock.Advance(std::chrono::seconds(1));
  device.RunAll();
  EXPECT_THAT(*sealed.result, HasReason(Reason::kDeadlineExceeded));
  EXPECT_EQ(device.count(FakeOperation::kSeal), 0u);
}

TEST(FakeDevice, TakesItsFaultsInTheirOrderAndOnlyForTheirOperation) {
  FakeDevice device({.manual = true});
  const Uuid kek = Uuid::Random();
  device.FailNext(FakeOperation::kSeal, Error(Reason::kHsmUnavailable, "a"));
  device.FailNext(FakeOperation::kSeal, Error(Reason::kHsmUnexpected, "b"));
  ASSERT_OK(device.CreateKek(kek, "test"));
  Sealed one, two, three;
  for (Sealed* sealed : {&one, &two, &three}) StartSeal(device, kek, sealed);
  device.RunAll();
  EXPECT_THAT(*one.result, HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(*two.result, HasReason(Reason::kHsmUnexpected));
  EXPECT_OK(*three.result);
}

TEST(FakeDevice, CanDoTheWorkAndLoseTheAnswer) {
  FakeDevice device({.manual = true});
  const Uuid before = Uuid::Random();
  const Uuid after = Uuid::Random();
  const Status lost = Error(Reason::kHsmUnavailable, "lost");
  device.FailNext(FakeOperation::kCreateKek, lost);
  device.FailNext(FakeOperation::kCreateKek, lost, 1, Moment::kAfterEffect);
  EXPECT_THAT(device.CreateKek(before, "x"),
              HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(device.CreateKek(after, "x"), HasReason(Reason::kHsmUnavailable));
  EXPECT_FALSE(device.objects()->Contains(before));
  EXPECT_TRUE(device.objects()->Contains(after));
}

TEST(FakeDevice, HoldsCallsInsideTheTokenUntilTheyAreReleased) {
  FakeDevice device({.workers = 2});
  const Uuid kek = Uuid::Random();
  ASSERT_OK(device.CreateKek(kek, "test"));
  device.Hold();
  Sealed one, two, three;
  for (Sealed* sealed : {&one, &two, &three}) StartSeal(device, kek, sealed);
  device.WaitUntilHeld(2);
  EXPECT_EQ(device.pending(), 1u);
  EXPECT_FALSE(device.Shutdown(Clock::System().Steady()));
  device.Release();
  EXPECT_TRUE(device.Shutdown(InOneMinute()));
  EXPECT_OK(*one.result);
  EXPECT_OK(*two.result);
  EXPECT_THAT(*three.result, HasReason(Reason::kDraining));
}

TEST(FakeDevice, ATokenThatWasMadeAnewHasOtherKeysUnderTheSameIds) {
  FakeDevice device;
  ASSERT_OK_AND_ASSIGN(hsm::KekReference kek, MakeKek(device));
  ASSERT_OK(device.Prove(kek.id));
  ASSERT_TRUE(device.objects()->ReplaceKey(kek.id));
  EXPECT_THAT(device.Prove(kek.id), HasReason(Reason::kKekNotOnToken));
}

TEST(FakeDevice, EveryWaitingCallIsAnsweredWhenItIsDestroyed) {
  Sealed sealed;
  {
    FakeDevice device({.manual = true});
    StartSeal(device, Uuid::Random(), &sealed);
  }
  ASSERT_EQ(sealed.calls, 1);
  EXPECT_THAT(*sealed.result, HasReason(Reason::kDraining));
}

TEST(FakeDevice, ShowsTheHealthItWasGiven) {
  FakeDevice device;
  EXPECT_TRUE(device.Health().healthy());
  device.SetUnhealthy("the cable is out");
  EXPECT_FALSE(device.Health().healthy());
  EXPECT_EQ(device.Health().detail, "the cable is out");
  device.SetHealthy();
  EXPECT_TRUE(device.Health().healthy());
}

}  // namespace
}  // namespace strongroom::testing
