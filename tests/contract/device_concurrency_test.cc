// What every Device promises about time, queues, threads and its end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/device_calls.h"
#include "tests/testing/device_rig.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::testing {
namespace {

using hsm::KekReference;
using ::testing::SizeIs;

class DeviceConcurrency : public ::testing::TestWithParam<std::string> {
 protected:
  DeviceConcurrency() : rig_(MakeRig(GetParam())) {}

  const std::unique_ptr<DeviceRig> rig_;
  const Bytes aad_ = Bytes(20, 0xad);
  const Bytes secret_ = Bytes(32, 0xc3);
};

// Plug stops the only worker of a device inside a callback until Pull.
class Plug {
 public:
  Plug(hsm::Device& device, const Uuid& kek) {
    std::promise<void> inside;
    device.Seal(kek, Bytes(1), Bytes(1), InOneMinute(),
                [this, &inside](hsm::SealAnswer answer) {
                  result_ = answer.sealed.status();
                  inside.set_value();
                  pulled_.get_future().wait();
                });
    inside.get_future().wait();
  }
  ~Plug() { Pull(); }

  void Pull() {
    if (std::exchange(in_, false)) pulled_.set_value();
  }
  const Status& result() const { return result_; }

 private:
  bool in_ = true;
  std::promise<void> pulled_;
  Status result_;
};

using Answer = std::shared_future<StatusOr<Bytes>>;

Answer StartSeal(hsm::Device& device, const Uuid& kek,
                 SteadyTime deadline = InOneMinute()) {
  auto promise = std::make_shared<std::promise<StatusOr<Bytes>>>();
  Answer answer = promise->get_future().share();
  device.Seal(kek, Bytes(1), Bytes(1), deadline, [promise](hsm::SealAnswer r) {
    promise->set_value(std::move(r.sealed));
  });
  return answer;
}

bool IsReady(const Answer& answer) {
  return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

TEST_P(DeviceConcurrency, ACallWhoseDeadlinePassedDoesNotReachTheToken) {
  auto device = rig_->Open();
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device));
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealNow(*device, kek.id, aad_, secret_));
  const uint64_t before = device->Health().operations;
  const SteadyTime past = Clock::System().Steady() - std::chrono::seconds(1);
  EXPECT_THAT(SealNow(*device, kek.id, aad_, secret_, past),
              HasReason(Reason::kDeadlineExceeded));
  EXPECT_THAT(OpenNow(*device, kek.id, aad_, sealed, past),
              HasReason(Reason::kDeadlineExceeded));
  EXPECT_EQ(device->Health().operations, before);
  EXPECT_TRUE(device->Health().healthy());
}

TEST_P(DeviceConcurrency, ACallThatWaitsPastItsDeadlineDoesNotReachTheToken) {
  auto device = rig_->Open(/*workers=*/1);
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device));
  Plug plug(*device, kek.id);
  const uint64_t before = device->Health().operations;
  const SteadyTime soon =
      Clock::System().Steady() + std::chrono::milliseconds(20);
  const Answer late = StartSeal(*device, kek.id, soon);
  std::this_thread::sleep_until(soon);
  plug.Pull();
  EXPECT_THAT(late.get(), HasReason(Reason::kDeadlineExceeded));
  EXPECT_EQ(device->Health().operations, before);
}

TEST_P(DeviceConcurrency, AFullQueueRefusesAtOnce) {
  auto device = rig_->Open(/*workers=*/1, /*queue_limit=*/2);
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device));
  Plug plug(*device, kek.id);
  const Answer first = StartSeal(*device, kek.id);
  const Answer second = StartSeal(*device, kek.id);
  const Answer third = StartSeal(*device, kek.id);
  ASSERT_TRUE(IsReady(third));
  EXPECT_THAT(third.get(), HasReason(Reason::kHsmBusy));
  EXPECT_FALSE(IsReady(first));
  EXPECT_FALSE(IsReady(second));
  plug.Pull();
  EXPECT_OK(first.get());
  EXPECT_OK(second.get());
}

TEST_P(DeviceConcurrency, ShutdownLetsARunningCallEndAndRefusesTheRest) {
  auto device = rig_->Open(/*workers=*/1, /*queue_limit=*/64);
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device));
  Plug plug(*device, kek.id);
  const Answer waiting = StartSeal(*device, kek.id);
  std::future<bool> shutdown = std::async(
      std::launch::async, [&] { return device->Shutdown(InOneMinute()); });
  // A refused call shows that the shutdown has begun; a full queue is no sign.
  for (;;) {
    const Answer probe = StartSeal(*device, kek.id);
    if (IsReady(probe) && !probe.get().ok() &&
        ReasonOf(probe.get().status()) == Reason::kDraining) {
      break;
    }
    std::this_thread::yield();
  }
  plug.Pull();
  EXPECT_TRUE(shutdown.get());
  EXPECT_OK(plug.result());
  EXPECT_THAT(waiting.get(), HasReason(Reason::kDraining));
}

TEST_P(DeviceConcurrency, AfterShutdownEveryCallIsRefused) {
  auto device = rig_->Open();
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device));
  ASSERT_TRUE(device->Shutdown(InOneMinute()));
  EXPECT_THAT(SealNow(*device, kek.id, aad_, secret_),
              HasReason(Reason::kDraining));
  EXPECT_THAT(OpenNow(*device, kek.id, aad_, Bytes(60)),
              HasReason(Reason::kDraining));
  EXPECT_THAT(device->CreateKek(Uuid::Random(), "late"),
              HasReason(Reason::kDraining));
  EXPECT_THAT(device->DestroyKek(kek.id), HasReason(Reason::kDraining));
  EXPECT_THAT(device->Prove(kek.id), HasReason(Reason::kDraining));
  EXPECT_THAT(device->List(), HasReason(Reason::kDraining));
  EXPECT_THAT(device->Probe(), HasReason(Reason::kDraining));
  EXPECT_TRUE(device->Shutdown(InOneMinute()));
  EXPECT_EQ(device->Health().sessions_open, 0);
}

TEST_P(DeviceConcurrency, ShutdownDoesNotDestroyTheKekItsOwnerStillNeeds) {
  auto device = rig_->Open();
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device));
  ASSERT_TRUE(device->Shutdown(InOneMinute()));
  EXPECT_THAT(device->DestroyKek(kek.id), HasReason(Reason::kDraining));
  device = nullptr;
  device = rig_->Open();
  device->Adopt(kek);
  EXPECT_OK(device->Prove(kek.id));
}

TEST_P(DeviceConcurrency, EightThreadsWorkWhileKeksComeAndGo) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 100;
  constexpr int kKeks = 8;
  auto device = rig_->Open(/*workers=*/4);
  ASSERT_OK_AND_ASSIGN(KekReference kek, MakeKek(*device));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const Bytes secret(32, static_cast<uint8_t>(i));
      for (int round = 0; round < kRounds; ++round) {
        StatusOr<Bytes> sealed = SealNow(*device, kek.id, aad_, secret);
        EXPECT_OK(sealed);
        if (!sealed.ok()) return;
        StatusOr<SecretBytes> opened = OpenNow(*device, kek.id, aad_, *sealed);
        EXPECT_OK(opened);
        wrong += !opened.ok() || *opened != SecretBytes::CopyOf(secret);
      }
    });
  }
  std::vector<KekReference> kept;
  for (int i = 0; i < kKeks; ++i) {
    StatusOr<KekReference> stays = MakeKek(*device, "stays");
    StatusOr<KekReference> goes = MakeKek(*device, "goes");
    EXPECT_OK(stays);
    EXPECT_OK(goes);
    if (stays.ok()) kept.push_back(*stays);
    if (!goes.ok()) continue;
    EXPECT_OK(device->DestroyKek(goes->id));
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  for (const KekReference& each : kept) EXPECT_OK(device->Prove(each.id));
  EXPECT_THAT(device->List().value(), SizeIs(1 + kKeks));
  EXPECT_EQ(rig_->CountNameless(), 0u);
  EXPECT_TRUE(device->Health().healthy()) << device->Health().detail;
}

std::string RigName(const ::testing::TestParamInfo<std::string>& rig) {
  return rig.param;
}
INSTANTIATE_TEST_SUITE_P(, DeviceConcurrency,
                         ::testing::Values("fake", "softhsm", "nss"), RigName);

}  // namespace
}  // namespace strongroom::testing
