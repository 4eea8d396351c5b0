// How many operations a token does when nothing else is in the way: the device
// layer alone, without engine, gRPC or audit. The token is named by
// STRONGROOM_BENCH_MODULE, _TOKEN, _PIN_FILE, _PROFILE and _WORKERS. It makes
// one KEK there and removes it again.
//
// Prints one JSON object: {"seal_per_s": ..., "open_per_s": ...}.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "strongroom/base/metrics.h"
#include "strongroom/base/mutex.h"
#include "strongroom/hsm/profile.h"
#include "strongroom/hsm_pkcs11/pkcs11_device.h"

namespace strongroom::hsm {
namespace {

constexpr std::chrono::milliseconds kMeasured{1500};

std::string Variable(const char* name) {
  const char* value =
      std::getenv((std::string("STRONGROOM_BENCH_") + name).c_str());
  return value == nullptr ? "" : value;
}

Status OpenDevice(std::unique_ptr<Device>* device) {
  Pkcs11Options options;
  options.module_path = Variable("MODULE");
  options.token_label = Variable("TOKEN");
  options.pin_file = Variable("PIN_FILE");
  options.workers = std::atoi(Variable("WORKERS").c_str());
  SR_ASSIGN_OR_RETURN(options.profile, FindProfile(Variable("PROFILE")));
  SR_ASSIGN_OR_RETURN(
      *device, OpenPkcs11Device(options, Clock::System(), NullMetrics()));
  return OkStatus();
}

// Loop keeps twice as many calls under way as there are workers, and counts.
class Loop {
 public:
  template <typename Start>
  double Run(int under_way, Start start) {
    const SteadyTime begin = Clock::System().Steady();
    end_ = begin + kMeasured;
    {
      MutexLock lock(mutex_);
      left_ = under_way;
    }
    for (int i = 0; i < under_way; ++i) start();
    MutexLock lock(mutex_);
    while (left_ > 0) changed_.Wait(mutex_);
    const std::chrono::duration<double> took = Clock::System().Steady() - begin;
    return static_cast<double>(done_) / took.count();
  }
  // True if the next call is to be started.
  bool Done(bool ok) {
    if (ok) ++done_;
    if (ok && Clock::System().Steady() < end_) return true;
    failed_ = failed_ || !ok;
    MutexLock lock(mutex_);
    if (--left_ == 0) changed_.Signal();
    return false;
  }
  bool failed() const { return failed_; }

 private:
  SteadyTime end_;
  std::atomic<uint64_t> done_{0};
  std::atomic<bool> failed_{false};
  Mutex mutex_;
  CondVar changed_;
  int left_ SR_GUARDED_BY(mutex_) = 0;
};

const Bytes kAad(42, 1);
constexpr SteadyTime kNoDeadline = SteadyTime::max();

int Measure(Device& device) {
  const Uuid kek = Uuid::Random();
  if (Status made = device.CreateKek(kek, "strongroom/bench"); !made.ok()) {
    std::fprintf(stderr, "%s\n", std::string(MessageOf(made)).c_str());
    return 1;
  }
  const Bytes secret(32, 7);
  Bytes sealed;
  Mutex mutex;
  Loop seals;
  std::function<void()> seal = [&] {
    device.Seal(kek, kAad, secret, kNoDeadline, [&](SealAnswer out) {
      if (out.sealed.ok()) {
        MutexLock lock(mutex);
        sealed = *out.sealed;
      }
      if (seals.Done(out.sealed.ok())) seal();
    });
  };
  const int under_way = 2 * device.info().workers;
  const double seal_rate = seals.Run(under_way, seal);
  device.Adopt({kek, {kAad, sealed}});
  Loop opens;
  std::function<void()> open = [&] {
    device.Open(kek, kAad, sealed, kNoDeadline, [&](StatusOr<SecretBytes> out) {
      if (opens.Done(out.ok())) open();
    });
  };
  const double open_rate = opens.Run(under_way, open);
  (void)device.DestroyKek(kek);
  std::printf("{\"seal_per_s\": %.1f, \"open_per_s\": %.1f}\n", seal_rate,
              open_rate);
  return seals.failed() || opens.failed() ? 1 : 0;
}

}  // namespace
}  // namespace strongroom::hsm

int main() {
  std::unique_ptr<strongroom::hsm::Device> device;
  strongroom::Status opened = strongroom::hsm::OpenDevice(&device);
  if (!opened.ok()) {
    std::fprintf(stderr, "token_bench: %s\n",
                 std::string(strongroom::MessageOf(opened)).c_str());
    return 1;
  }
  const int result = strongroom::hsm::Measure(*device);
  device->Shutdown(strongroom::Clock::System().Steady() +
                   std::chrono::seconds(5));
  return result;
}
