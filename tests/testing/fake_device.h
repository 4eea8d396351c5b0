// FakeDevice: hsm::Device in memory, with real AES-256-GCM.
//
// It keeps the same contract as the real device (tests/contract) and adds what
// tests need: stepping by hand, holding calls, faults, counts, and a token that
// outlives the device, so that a test can "kill" a process and start another.
// Thread rule: every member may be called from any thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"
#include "strongroom/hsm/device.h"
#include "tests/testing/fake_faults.h"
#include "tests/testing/object_table.h"

namespace strongroom::testing {

struct FakeDeviceOptions {
  // Seals and opens wait until RunOne or RunAll. The other calls run at once.
  bool manual = false;
  int workers = 2;  // threads; none when manual
  size_t queue_limit = 4096;
  size_t iv_size = 12;
  int partial_batches = 2;
  std::shared_ptr<ObjectTable> objects = nullptr;  // null: one of its own
  const Clock* clock = &Clock::System();
};

class FakeDevice final : public hsm::Device {
 public:
  explicit FakeDevice(FakeDeviceOptions options = {});
  ~FakeDevice() override;

  // For manual mode: run the oldest waiting call here, with its callback. False
  // if none waits.
  bool RunOne() SR_EXCLUDES(mutex_);
  // Run until nothing waits, calls added by callbacks too; how many ran.
  size_t RunAll() SR_EXCLUDES(mutex_);
  // Seals and opens that wait for a worker or for RunOne.
  size_t pending() const SR_EXCLUDES(mutex_);

  // Hold makes workers stop inside the next seal or open, as in a slow token,
  // until Release. WaitUntilHeld returns when `calls` of them are inside.
  void Hold() SR_EXCLUDES(mutex_);
  void Release() SR_EXCLUDES(mutex_);
  void WaitUntilHeld(int calls) SR_EXCLUDES(mutex_);

  // FailNext makes the next `times` runs of the operation fail so, after the
  // faults queued before. kAfterEffect: the token did it, the answer was lost.
  using Moment = FakeFaults::Moment;
  void FailNext(FakeOperation operation, const Status& status, int times = 1,
                Moment moment = Moment::kBeforeEffect) {
    faults_.FailNext(operation, status, times, moment);
  }
  // LoseNextSeal makes the token lose this in the next seal that reaches it:
  // the seal is made and its bytes are lost. A failure of FailNext comes first.
  void LoseNextSeal(hsm::SealLoss loss, int times = 1) {
    faults_.LoseNextSeal(loss, times);
  }
  void SetUnhealthy(std::string_view detail) SR_EXCLUDES(mutex_);
  void SetHealthy() SR_EXCLUDES(mutex_);

  // How often the operation reached the token, failures included.
  uint64_t count(FakeOperation operation) const {
    return faults_.count(operation);
  }
  const std::shared_ptr<ObjectTable>& objects() const { return objects_; }

  const hsm::DeviceInfo& info() const override { return info_; }
  hsm::DeviceHealth Health() const override SR_EXCLUDES(mutex_);
  void Seal(const Uuid& kek, ByteView aad, ByteView secret, SteadyTime deadline,
            SealDone done) override SR_EXCLUDES(mutex_);
  void Open(const Uuid& kek, ByteView aad, ByteView sealed, SteadyTime deadline,
            OpenDone done) override SR_EXCLUDES(mutex_);
  Status CreateKek(const Uuid& id, std::string_view label) override
      SR_EXCLUDES(mutex_);
  void Adopt(const hsm::KekReference& kek) override SR_EXCLUDES(mutex_);
  void Forget(const Uuid& id) override SR_EXCLUDES(mutex_);
  Status Prove(const Uuid& id) override SR_EXCLUDES(mutex_);
  Status DestroyKek(const Uuid& id) override SR_EXCLUDES(mutex_);
  StatusOr<Bytes> MakeSigningKey(const Uuid& id,
                                 std::string_view label) override
      SR_EXCLUDES(mutex_);
  Status DestroySigningKey(const Uuid& id, std::string_view label) override
      SR_EXCLUDES(mutex_);
  StatusOr<Bytes> SigningPublicKey(const Uuid& id) override SR_EXCLUDES(mutex_);
  StatusOr<Bytes> Sign(const Uuid& id, ByteView sha256) override
      SR_EXCLUDES(mutex_);
  StatusOr<std::vector<hsm::TokenObject>> List() override SR_EXCLUDES(mutex_);
  Status Probe() override SR_EXCLUDES(mutex_);
  bool Shutdown(SteadyTime until) override SR_EXCLUDES(mutex_);

 private:
  struct Call {
    bool is_seal = true;
    Uuid kek;
    Bytes aad;
    SecretBytes input;
    SteadyTime deadline;
    SealDone seal_done;
    OpenDone open_done;
  };
  struct Adopted {
    hsm::KnownAnswer known_answer;
    bool proved = false;
    bool missing = false;
  };

  static void Fail(Call& call, const Status& status);
  void Enqueue(Call call) SR_EXCLUDES(mutex_);
  void Work() SR_EXCLUDES(mutex_);
  void Run(Call call) SR_EXCLUDES(mutex_);
  StatusOr<SecretBytes> RunOnToken(const Call& call) SR_EXCLUDES(mutex_);
  void PassHold() SR_EXCLUDES(mutex_);
  StatusOr<SecretBytes> ProvedKey(const Uuid& id) SR_EXCLUDES(mutex_);
  Status RefuseIfStopped() const SR_EXCLUDES(mutex_);

  const FakeDeviceOptions options_;
  const std::shared_ptr<ObjectTable> objects_;
  hsm::DeviceInfo info_;
  FakeFaults faults_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Call> queue_ SR_GUARDED_BY(mutex_);
  bool stopped_ SR_GUARDED_BY(mutex_) = false;
  bool holding_ SR_GUARDED_BY(mutex_) = false;
  int held_ SR_GUARDED_BY(mutex_) = 0;
  int running_ SR_GUARDED_BY(mutex_) = 0;
  std::string unhealthy_ SR_GUARDED_BY(mutex_);
  std::map<Uuid, Adopted> adopted_ SR_GUARDED_BY(mutex_);
  std::set<Uuid> forgotten_ SR_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace strongroom::testing
