#include "batching/seal_batch.h"

#include <gmock/gmock.h>

#include <functional>

#include "batching/refusals.h"
#include "tests/batching/engine_rig.h"

namespace strongroom::batching {
namespace {

using ::strongroom::testing::HasReason;

// SteeredDevice runs what a test wants inside each Seal, and keeps its `done`.
class SteeredDevice final : public hsm::Device {
 public:
  const hsm::DeviceInfo& info() const override { return info_; }
  hsm::DeviceHealth Health() const override { return {}; }
  void Seal(const Uuid&, ByteView, ByteView secret, SteadyTime,
            SealDone done) override {
    done_ = std::move(done);
    if (inside) inside(secret);
  }
  void Open(const Uuid&, ByteView, ByteView, SteadyTime, OpenDone) override {}
  Status CreateKek(const Uuid&, std::string_view) override {
    return OkStatus();
  }
  void Adopt(const hsm::KekReference&) override {}
  void Forget(const Uuid&) override {}
  Status Prove(const Uuid&) override { return OkStatus(); }
  Status DestroyKek(const Uuid&) override { return OkStatus(); }
  StatusOr<std::vector<hsm::TokenObject>> List() override {
    return std::vector<hsm::TokenObject>();
  }
  Status Probe() override { return OkStatus(); }
  bool Shutdown(SteadyTime) override { return true; }

  void Answer(hsm::SealAnswer answer) {
    std::exchange(done_, nullptr)(std::move(answer));
  }
  std::function<void(ByteView secret)> inside;

 private:
  hsm::DeviceInfo info_;
  SealDone done_;
};

class SealBatchTest : public ::testing::Test {
 protected:
  // Starts a batch of one item; its request goes to answered_.
  void StartBatch() {
    auto request = std::make_unique<SealRequest>();
    request->deadline = clock_.Steady() + std::chrono::seconds(5);
    request->key_id = keks_.AddKey();
    request->items.resize(1);
    request->items[0].secret = SecretBytes(32);
    request->done = [this](auto back) { answered_ = std::move(back); };
    const Outstanding::Hold hold(parts_->outstanding);
    parts_->intake.Seal(std::move(request));
  }
  void Abandon() { parts_->calls.AbandonAll(Draining()); }

  testing::FakeClock clock_;
  Keks keks_{std::make_shared<testing::ObjectTable>()};
  SteeredDevice device_;
  std::shared_ptr<EngineParts> parts_ = std::make_shared<EngineParts>(
      device_, keks_, clock_, NullMetrics(), EngineOptions());
  std::unique_ptr<SealRequest> answered_;
};

TEST_F(SealBatchTest, AbandonedInsideTheFirstCallItKeepsTheKeyForTheDevice) {
  device_.inside = [&](ByteView secret) {
    const SecretBytes key = SecretBytes::CopyOf(secret);
    Abandon();
    EXPECT_TRUE(SecretBytes::CopyOf(secret) == key);
    EXPECT_EQ(answered_, nullptr);
  };
  StartBatch();
  ASSERT_NE(answered_, nullptr);
  EXPECT_THAT(answered_->items[0].status, HasReason(Reason::kDraining));
}

TEST_F(SealBatchTest, AbandonedInsideAFurtherCallItKeepsTheKeyForTheDevice) {
  StartBatch();
  device_.inside = [&](ByteView secret) {
    const SecretBytes key = SecretBytes::CopyOf(secret);
    Abandon();
    EXPECT_TRUE(SecretBytes::CopyOf(secret) == key);
    EXPECT_EQ(answered_, nullptr);
  };
  device_.Answer(hsm::SealAnswer::MayHaveSealed(
      hsm::SealLoss::kSession, Error(Reason::kHsmUnavailable, "lost")));
  ASSERT_NE(answered_, nullptr);
  EXPECT_THAT(answered_->items[0].status, HasReason(Reason::kDraining));
}

TEST_F(SealBatchTest, AnAbandonedBatchAsksForNoFurtherSeal) {
  StartBatch();
  Abandon();
  ASSERT_NE(answered_, nullptr);
  EXPECT_THAT(answered_->items[0].status, HasReason(Reason::kDraining));
  device_.inside = [](ByteView) { ADD_FAILURE() << "a seal nobody waits for"; };
  device_.Answer(hsm::SealAnswer::MayHaveSealed(
      hsm::SealLoss::kSession, Error(Reason::kHsmUnavailable, "lost")));
}

}  // namespace
}  // namespace strongroom::batching
