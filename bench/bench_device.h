// Devices and KEKs of the benchmarks: no token, no cryptography, so that what
// is measured is ours.
#pragma once

#include <sys/prctl.h>

#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "strongroom/base/mutex.h"
#include "strongroom/batching/engine.h"
#include "strongroom/envelope/token.h"
#include "strongroom/hsm/device.h"

namespace strongroom::bench {

// InstantDevice answers on the calling thread, at once.
class InstantDevice : public hsm::Device {
 public:
  const hsm::DeviceInfo& info() const override { return info_; }
  hsm::DeviceHealth Health() const override { return {}; }
  void Seal(const Uuid&, ByteView, ByteView, SteadyTime,
            SealDone done) override {
    done(Bytes(envelope::kSealedSizeIv12));
  }
  void Open(const Uuid&, ByteView, ByteView, SteadyTime,
            OpenDone done) override {
    done(SecretBytes(envelope::kBatchKeySize));
  }
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

 protected:
  hsm::DeviceInfo info_;
};

// SlowDevice has sessions that take one call each, for so long: what a device
// on the network looks like to the engine.
class SlowDevice final : public InstantDevice {
 public:
  SlowDevice(int sessions, int partial_batches,
             std::chrono::microseconds latency)
      : latency_(latency) {
    info_.workers = sessions;
    info_.partial_batches = partial_batches;
    for (int i = 0; i < sessions; ++i) threads_.emplace_back([this] { Run(); });
  }
  ~SlowDevice() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      changed_.SignalAll();
    }
    for (std::thread& thread : threads_) thread.join();
  }
  void Seal(const Uuid&, ByteView, ByteView, SteadyTime,
            SealDone done) override {
    MutexLock lock(mutex_);
    calls_.push_back(std::move(done));
    changed_.Signal();
  }

 private:
  void Run() {
    prctl(PR_SET_TIMERSLACK, 1);
    MutexLock lock(mutex_);
    for (;;) {
      while (!stopping_ && calls_.empty()) changed_.Wait(mutex_);
      if (calls_.empty()) return;
      SealDone done = std::move(calls_.front());
      calls_.pop_front();
      mutex_.Unlock();
      if (latency_.count() > 0) std::this_thread::sleep_for(latency_);
      done(Bytes(envelope::kSealedSizeIv12));
      mutex_.Lock();
    }
  }

  const std::chrono::microseconds latency_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<SealDone> calls_ SR_GUARDED_BY(mutex_);
  bool stopping_ SR_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

class OneKek final : public batching::KekSource {
 public:
  StatusOr<batching::KekRef> Primary(const Uuid& key_id) override {
    return batching::KekRef{key_id, 1, kek_, {}};
  }
  StatusOr<batching::KekRef> ForSeal(const Uuid& key_id) override {
    return Primary(key_id);
  }
  StatusOr<batching::KekRef> ForOpen(const Uuid& key_id, uint32_t) override {
    return Primary(key_id);
  }
  bool SealIsCurrent(const batching::KekRef&) override { return true; }

 private:
  const Uuid kek_ = Uuid::Random();
};

}  // namespace strongroom::bench
