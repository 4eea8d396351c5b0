// FaultTest: a device on SoftHSM through the shim, with one KEK that works.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "strongroom/hsm_pkcs11/pkcs11_device.h"
#include "tests/testing/device_calls.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/shimmed_token.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::testing {

class FaultTest : public ::testing::Test {
 protected:
  StatusOr<std::unique_ptr<hsm::Device>> TryOpen(
      const hsm::Pkcs11Options& options) {
    return hsm::OpenPkcs11Device(options, clock(), metrics());
  }
  // Opens the device, makes kek_ and seals secret_ under it; then starts the
  // counts anew.
  void Open(int workers = 2) {
    hsm::Pkcs11Options options = shim_.Options();
    options.workers = workers;
    StatusOr<std::unique_ptr<hsm::Device>> device = TryOpen(options);
    ASSERT_TRUE(device.ok()) << Describe(device.status());
    device_ = *std::move(device);
    StatusOr<hsm::KekReference> kek = MakeKek(*device_);
    ASSERT_TRUE(kek.ok()) << Describe(kek.status());
    kek_ = *std::move(kek);
    StatusOr<Bytes> sealed = Seal();
    ASSERT_TRUE(sealed.ok()) << Describe(sealed.status());
    sealed_ = *std::move(sealed);
    shim_.ForgetCalls();
    before_ = device_->Health();
  }

  // Whatever still hangs must come back before the device can end.
  void TearDown() override {
    shim_.Direct("");
    device_.reset();
  }

  // Seal asks again after MAY_HAVE_SEALED, as the engine does.
  StatusOr<Bytes> Seal() {
    return SealNow(*device_, kek_.id, aad_, secret_, deadline());
  }
  // OpenSealed is OK only if the right secret came out.
  Status OpenSealed() {
    SR_ASSIGN_OR_RETURN(SecretBytes opened,
                        OpenNow(*device_, kek_.id, aad_, sealed_, deadline()));
    if (std::ranges::equal(opened.Expose(), secret_)) return OkStatus();
    return Error(Reason::kInternal, "another secret came out");
  }

  virtual const Clock& clock() const { return Clock::System(); }
  virtual Metrics& metrics() { return NullMetrics(); }
  SteadyTime deadline() const {
    return clock().Steady() + std::chrono::minutes(1);
  }

  ShimmedToken shim_;
  std::unique_ptr<hsm::Device> device_;
  hsm::KekReference kek_;
  Bytes sealed_;
  hsm::DeviceHealth before_;
  const Bytes aad_ = Bytes(20, 0xad);
  const Bytes secret_ = Bytes(32, 0xc3);
};

// FakeClockFaultTest for what the device waits out: time moves by hand.
class FakeClockFaultTest : public FaultTest {
 protected:
  const Clock& clock() const override { return fake_clock_; }

  FakeClock fake_clock_;
};

}  // namespace strongroom::testing
